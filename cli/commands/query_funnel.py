"""`weir query funnel`: how many people went through a sequence of steps."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.event_choice import From, To, time_frame
from cli.commands.query_behaviour import (
    Exact,
    Groups,
    aggregate,
    length_of,
    print_json,
    say_reliability,
    share_of,
    shown_length,
    step_of,
    value_of,
)
from cli.number_tables import group_column
from cli.options import AppId, AsCsv, AsJson, Last, check_format
from cli.tables import Column, print_columns

# The step and its people; before them the group, if there is one.
_COLUMNS_AT_LEAST = 2
_TIMES = ("median_from_previous", "p90_from_previous")


def funnel(
    app_id: AppId,
    step: Annotated[
        list[str],
        typer.Option(
            metavar="EVENT[FILTER]",
            help="What people did next; repeated: view, 'purchase[properties.amount > 0]', 'post_*'.",
        ),
    ],
    window: Annotated[
        str, typer.Option(metavar="TIME", help="From the first step to the last at most.")
    ] = "7d",
    last: Last = "",
    start: From = "",
    end: To = "",
    any_order: Annotated[
        bool, typer.Option("--any-order", help="Count how many of the steps were done.")
    ] = False,
    breakdown: Annotated[
        str,
        typer.Option(
            metavar="FIELD", help="By a field of the first event: country, properties.plan."
        ),
    ] = "",
    groups: Groups = 10,
    exact: Exact = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how many people went through steps, where they stopped, and how long it took them.

    The time says when people entered; later steps may follow until the window is over. The page
    docs/behaviour.md defines each number.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    request = pb.QueryFunnelRequest(
        app_id=app_id,
        time=time_frame(last, start, end),
        steps=[step_of("--step", text) for text in step],
        window=length_of("--window", window),
        order=pb.FUNNEL_ORDER_ANY if any_order else pb.FUNNEL_ORDER_STRICT,
        breakdown=breakdown,
        max_groups=groups,
        exact=exact,
    )
    with aggregate(app_id) as stub:
        answer = stub.QueryFunnel(request)
    if as_json:
        content = {
            "steps": _plain_steps(answer.total),
            "groups": [_plain_group(group) for group in answer.groups],
        }
        print_json(answer, content)
        return
    columns = _columns(answer.groups or [answer.total], breakdown if answer.groups else "")
    at_least = _COLUMNS_AT_LEAST + bool(answer.groups)
    print_columns(columns, as_csv=as_csv, at_least=at_least)
    say_reliability(answer.reliability)


def _columns(groups: Sequence[pb.FunnelGroup], breakdown: str) -> list[Column]:
    steps = [one for group in groups for one in group.steps]
    named = [(value_of(group.value), group.other) for group in groups for _ in group.steps]
    return [
        *([group_column(breakdown, named)] if breakdown else []),
        Column("step", "step", [one.label for one in steps]),
        Column("people", "people", [str(one.people) for one in steps], True),
        *(
            Column(title, f"{field}_percent", [share_of(one, field) for one in steps], True)
            for title, field in (
                ("% of first", "rate_of_first"),
                ("% of previous", "rate_of_previous"),
            )
        ),
        *(
            _length_column(title, field, steps)
            for title, field in zip(("median", "p90"), _TIMES, strict=True)
        ),
    ]


def _length_column(title: str, field: str, steps: Sequence[pb.FunnelStep]) -> Column:
    """In words; in CSV seconds."""
    lengths = [getattr(one, field).ToTimedelta() if one.HasField(field) else None for one in steps]
    return Column(
        title,
        f"{field}_seconds",
        [None if length is None else shown_length(length) for length in lengths],
        is_number=True,
        in_csv=[None if length is None else f"{length.total_seconds():g}" for length in lengths],
    )


def _plain_group(group: pb.FunnelGroup) -> dict[str, Any]:
    return {
        "value": value_of(group.value),
        "other": group.other,
        "steps": _plain_steps(group),
    }


def _plain_steps(group: pb.FunnelGroup) -> list[dict[str, Any]]:
    return [
        {
            "label": one.label,
            "people": one.people,
            **{
                name: getattr(one, name) if one.HasField(name) else None
                for name in ("rate_of_first", "rate_of_previous")
            },
            **{
                f"{name}_seconds": getattr(one, name).ToTimedelta().total_seconds()
                if one.HasField(name)
                else None
                for name in _TIMES
            },
        }
        for one in group.steps
    ]

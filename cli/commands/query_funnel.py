"""`weir query funnel`: how many people went through a sequence of steps."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.event_choice import From, Last, To, time_frame
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
from cli.number_tables import shown
from cli.options import AppId, AsJson
from cli.tables import Column, print_table

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
) -> None:
    """Show how many people went through steps, where they stopped, and how long it took them.

    The time says when people entered; later steps may follow until the window is over. The page
    docs/behaviour.md defines each number.
    """
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
    if answer.groups:
        _print(answer.groups, breakdown)
    else:
        _print([answer.total], "")
    say_reliability(answer.reliability)


def _print(groups: Sequence[pb.FunnelGroup], breakdown: str) -> None:
    rows = [(group, one) for group in groups for one in group.steps]
    columns = [
        Column("step", "step", [one.label for _, one in rows]),
        Column("people", "people", [str(one.people) for _, one in rows], True),
        Column("% of first", "of_first", [share_of(one, "rate_of_first") for _, one in rows], True),
        Column(
            "% of previous",
            "of_previous",
            [share_of(one, "rate_of_previous") for _, one in rows],
            True,
        ),
        *(
            Column(title, title, [_length(one, field) or "-" for _, one in rows], True)
            for title, field in zip(("median", "p90"), _TIMES, strict=True)
        ),
    ]
    if breakdown:
        named = [_name(group) for group, _ in rows]
        columns.insert(0, Column(breakdown, breakdown, named))
    print_table(columns, at_least=_COLUMNS_AT_LEAST + bool(breakdown), complete="--json has")


def _name(group: pb.FunnelGroup) -> str:
    return "(other)" if group.other else shown(value_of(group.value))


def _length(step: pb.FunnelStep, field: str) -> str:
    return shown_length(getattr(step, field).ToTimedelta()) if step.HasField(field) else ""


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

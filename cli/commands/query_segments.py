"""`weir query segments`: how many people did some things so often, and others not."""

import re
from typing import Annotated

import typer
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.event_choice import From, To, time_frame
from cli.commands.query_behaviour import (
    Exact,
    Groups,
    aggregate,
    print_json,
    say_reliability,
    share_of,
    step_of,
    value_of,
)
from cli.exits import fail
from cli.number_tables import group_column
from cli.options import AppId, AsCsv, AsJson, Last, check_format
from cli.tables import Column, print_columns

_RULE = re.compile(
    r"(?P<event>[^\[\]<>=!]+(\[.*\])?)\s*(?P<sign>>=|<=|=|<|>)\s*(?P<times>[0-9]{1,9})", re.DOTALL
)
_FILTER = re.compile(r"\[.*\]", re.DOTALL)
_SIGN = re.compile("[<>=]")
_COMPARISONS = {
    ">=": (pb.COMPARISON_AT_LEAST, 0),
    ">": (pb.COMPARISON_AT_LEAST, 1),
    "<=": (pb.COMPARISON_AT_MOST, 0),
    "<": (pb.COMPARISON_AT_MOST, -1),
    "=": (pb.COMPARISON_EXACTLY, 0),
}


def segments(
    app_id: AppId,
    rule: Annotated[
        list[str],
        typer.Option(
            metavar="EVENT[FILTER] >= N",
            help="What holds of all of them; repeated: 'purchase >= 2', 'view < 1', 'post_*'.",
        ),
    ],
    last: Last = "",
    start: From = "",
    end: To = "",
    breakdown: Annotated[
        str, typer.Option(metavar="FIELD", help="By a field of the last event: country.")
    ] = "",
    groups: Groups = 10,
    exact: Exact = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how many people did some things so often, and others not.

    Without a comparison, once or more often. Groups of a few people are part of (other). The page
    docs/behaviour.md defines each number.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    request = pb.QuerySegmentsRequest(
        app_id=app_id,
        time=time_frame(last, start, end),
        rules=[rule_of(text) for text in rule],
        breakdown=breakdown,
        max_groups=groups,
        exact=exact,
    )
    with aggregate(app_id) as stub:
        answer = stub.QuerySegments(request)
    if as_json:
        content = {
            "people": _people(answer.total),
            "active_people": answer.active_people,
            "share": answer.share if answer.HasField("share") else None,
            "least_people": answer.least_people,
            "groups": [
                {
                    "value": value_of(group.value),
                    "other": group.other,
                    "people": _people(group),
                }
                for group in answer.groups
            ],
        }
        print_json(answer, content)
        return
    print_columns(_columns(answer, breakdown), as_csv=as_csv, at_least=1)
    say_reliability(answer.reliability)


def _columns(answer: pb.QuerySegmentsResponse, breakdown: str) -> list[Column]:
    rows = [answer.total, *answer.groups]
    people = [str(row.people) if row.HasField("people") else None for row in rows]
    few = f"withheld (< {answer.least_people})"
    named = [("(all)", False), *((value_of(group.value), group.other) for group in answer.groups)]
    return [
        *([group_column(breakdown, named)] if answer.groups else []),
        Column("people", "people", [one or few for one in people], is_number=True, in_csv=people),
        Column(
            "% of active",
            "share_percent",
            [share_of(answer, "share"), *[""] * len(answer.groups)],
            is_number=True,
        ),
    ]


def rule_of(text: str) -> pb.SegmentRule:
    """A rule as in `purchase[properties.amount > 5] >= 2`. Ends the command, as wrong usage, for anything
    else."""
    match = _RULE.fullmatch(text.strip())
    if match is None:
        if _SIGN.search(_FILTER.sub("", text)):
            fail(
                f"--rule {text}: must be EVENT[FILTER], or that and >=, >, =, < or <= and a number",
                2,
            )
        return pb.SegmentRule(event=step_of("--rule", text), times=1)
    comparison, more = _COMPARISONS[match["sign"]]
    times = int(match["times"]) + more
    if times < 0:
        fail(f"--rule {text}: no number is less than 0", 2)
    event = step_of("--rule", match["event"])
    return pb.SegmentRule(event=event, comparison=comparison, times=times)


def _people(group: pb.SegmentGroup) -> int | None:
    return group.people if group.HasField("people") else None

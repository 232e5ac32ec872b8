"""`weir query paths`: what people did next after an event, or before it."""

from typing import Annotated

import typer
from weir.aggregate.v1 import behaviour_pb2 as pb

from cli.commands.event_choice import From, To, time_frame
from cli.commands.query_behaviour import (
    Exact,
    aggregate,
    length_of,
    print_json,
    say_reliability,
)
from cli.exits import fail
from cli.options import AppId, AsCsv, AsJson, Last, check_format
from cli.tables import Column, print_columns

# The step, the event and the next one.
_COLUMNS_AT_LEAST = 3
_END = "(end)"


def paths(
    app_id: AppId,
    after: Annotated[str, typer.Option(metavar="EVENT", help="Paths that begin here.")] = "",
    before: Annotated[str, typer.Option(metavar="EVENT", help="Paths that end here.")] = "",
    last: Last = "",
    start: From = "",
    end: To = "",
    depth: Annotated[int, typer.Option(min=1, max=5, help="How many steps.")] = 3,
    gap: Annotated[
        str, typer.Option(metavar="TIME", help="From one event to the next at most.")
    ] = "30m",
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT", help="Passed over, as if it had not occurred; repeated."),
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Only rows with so many paths.")] = 1,
    rows: Annotated[
        int, typer.Option(min=1, max=1_000, help="The rows with the most paths.")
    ] = 200,
    exact: Exact = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what people did next after an event, or before it, step by step.

    Step 1 is what came right after the event of --after, or right before that of --before. The time is that
    of these events. The page docs/behaviour.md defines each number.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    if bool(after) == bool(before):
        fail("--after and --before: one of them", 2)
    request = pb.QueryPathsRequest(
        app_id=app_id,
        time=time_frame(last, start, end),
        before_event=before or None,
        depth=depth,
        gap=length_of("--gap", gap),
        exclude=exclude or (),
        min_count=min_count,
        max_rows=rows,
        exact=exact,
    )
    if after:
        request.after_event = after
    with aggregate(app_id) as stub:
        answer = stub.QueryPaths(request)
    found = [
        {
            "step": row.step,
            "event": row.event,
            "next": row.next or None,
            "count": row.count,
            "people": row.people,
        }
        for row in answer.rows
    ]
    if as_json:
        print_json(answer, {"paths": answer.paths, "rows": found})
        return
    if not found and not as_csv:
        typer.echo("no paths")
        return
    print_columns(
        [
            Column("step", "step", [str(row.step) for row in answer.rows], True),
            Column("event", "event", [row.event for row in answer.rows]),
            Column(
                "before" if before else "next",
                "next",
                [row.next or _END for row in answer.rows],
                in_csv=[row.next for row in answer.rows],
            ),
            Column("count", "count", [str(row.count) for row in answer.rows], True),
            Column("people", "people", [str(row.people) for row in answer.rows], True),
        ],
        as_csv=as_csv,
        at_least=_COLUMNS_AT_LEAST,
    )
    say_reliability(answer.reliability)

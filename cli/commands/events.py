"""`weir events`: the stored events that a filter finds, or those behind a number."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from google.protobuf.message import Message
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.aggregate.v1 import event_query_pb2 as pb

from cli.commands.event_choice import Filter, From, To, checked_filter, time_frame
from cli.dimensions import dimensions_of
from cli.event_rows import EVENT_COLUMNS_AT_LEAST, event_columns
from cli.exits import fail
from cli.moments import moment_of
from cli.options import AppId, AsCsv, AsJson, Last, check_format
from cli.suite_channel import calls_to
from cli.tables import print_columns
from cli.wording import count
from libs.common.structs import plain_struct
from libs.rpc.channels import pages

_MAX_PAGE_SIZE = 1_000
_STRUCTS = ("context", "attribution", "properties")


def list_events(
    app_id: AppId,
    last: Last = "",
    start: From = "",
    end: To = "",
    condition: Filter = "",
    rollup: Annotated[
        str, typer.Option(help="The events behind one cell of this rollup; with --bucket.")
    ] = "",
    bucket: Annotated[
        str, typer.Option(metavar="TIME", help="Any time in the cell's bucket.")
    ] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIMENSION=VALUE",
            help="The cell's value of each dimension; repeated. A number, true or false is one: "
            """a='"5"' is the text. Without a value: none.""",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many events at most.")] = 50,
    oldest_first: Annotated[
        bool, typer.Option("--oldest-first", help="The oldest events instead of the newest.")
    ] = False,
    open_for: Annotated[
        str,
        typer.Option(
            "--open",
            metavar="PURPOSE",
            help="Open sealed values, for this purpose of the catalog; it is put on record.",
        ),
    ] = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List stored events, the newest first.

    A filter is a condition such as: name = "post_*" AND properties.score > 5. The page docs/events.md has the
    language. `weir export` writes all events to a file.
    """
    check_format(as_json=as_json, as_csv=as_csv)
    if rollup and (last or start or end):
        fail("--rollup: not together with --last, --from or --to: a cell has its own time", 2)
    request = pb.ListEventsRequest(
        app_id=app_id,
        time=time_frame(last, start, end),
        filter=checked_filter(condition),
        # One more says whether there are any.
        page_size=min(limit + 1, _MAX_PAGE_SIZE),
        order_by="occurred_at" if oldest_first else "",
        of=_cell(rollup, bucket, where or []),
        open_sealed_for=open_for,
    )
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        answered = (event for page in pages(stub.ListEvents, request) for event in page.events)
        found = [plain_event(event) for event in islice(answered, limit + 1)]
    events, more = found[:limit], len(found) > limit
    if as_json:
        typer.echo(json.dumps({"events": events, "more": more}, indent=2, ensure_ascii=False))
    elif not events and not as_csv:
        typer.echo("no events")
    else:
        print_columns(event_columns(events), as_csv=as_csv, at_least=EVENT_COLUMNS_AT_LEAST)
        if more:
            typer.echo(
                f"these are {count(len(events), 'event')}, and there are more: see --limit",
                err=True,
            )


def _cell(rollup: str, bucket: str, where: list[str]) -> pb.DrillDown | None:
    """The cell whose events are wanted, None if no rollup is named. Ends the command if it is no cell."""
    if not rollup:
        if bucket or where:
            fail("--bucket and --where: only with --rollup", 2)
        return None
    if not bucket:
        fail("--rollup: needs --bucket", 2)
    cell = pb.RollupCell(rollup=rollup)
    cell.bucket_start.FromDatetime(moment_of("--bucket", bucket))
    cell.dimensions.update(dimensions_of(where))
    return pb.DrillDown(cell=cell)


def plain_event(event: pb.StoredEvent) -> dict[str, Any]:
    """An event as JSON has it, without what it does not have; integers are exact."""
    plain: dict[str, Any] = {}
    for field, value in event.ListFields():
        if field.name in _STRUCTS:
            plain[field.name] = plain_struct(value)
        elif isinstance(value, Message):
            plain[field.name] = json_format.MessageToDict(value)
        else:
            plain[field.name] = value
    exact: Mapping[str, Any] | None = json.loads(plain.pop("properties_json", "null"))
    return {**plain, "properties": exact or plain.get("properties", {})}

"""`weir privacy`: what an app does with people's data, and what is stored of one of them."""

import json
from itertools import islice
from typing import Annotated

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.aggregate.v1 import event_query_pb2 as event_pb
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from cli.commands.events import plain_event
from cli.event_rows import EVENT_COLUMNS_AT_LEAST, event_columns
from cli.options import AppId, AsCsv, AsJson, SubjectId, check_format
from cli.suite_channel import calls_to
from cli.tables import print_columns
from cli.wording import count
from libs.rpc.channels import pages

app = typer.Typer(
    no_args_is_help=True,
    help="Say what an app does with people's data, and what is stored of one of them.",
)
_MAX_PAGE_SIZE = 1_000


@app.callback()
def main() -> None:
    """Say what an app does with people's data, and what is stored of one of them."""


@app.command()
def describe(app_id: AppId, as_json: AsJson = False) -> None:
    """Describe an app's purposes, legal grounds, events, properties and retention, as Markdown.

    It comes from the app's catalog: a page to show to people, or JSON for other programs.
    """
    with calls_to("privacy", privacy_service_pb2_grpc.PrivacyServiceStub, app_id) as stub:
        found = stub.DescribeProcessing(pb.DescribeProcessingRequest(app_id=app_id))
    if not as_json:
        typer.echo(found.markdown)
        return
    plain = json_format.MessageToDict(
        found, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    del plain["markdown"]
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))


@app.command()
def events(
    app_id: AppId,
    subject_id: SubjectId,
    limit: Annotated[int, typer.Option(min=1, help="How many events at most.")] = 50,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the stored events of a person, the newest first; also those under a pseudonym."""
    check_format(as_json=as_json, as_csv=as_csv)
    request = event_pb.ListOwnEventsRequest(
        app_id=app_id, subject_id=subject_id, page_size=min(limit + 1, _MAX_PAGE_SIZE)
    )
    with calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub:
        answered = (event for page in pages(stub.ListOwnEvents, request) for event in page.events)
        found = [plain_event(event) for event in islice(answered, limit + 1)]
    shown, more = found[:limit], len(found) > limit
    if as_json:
        typer.echo(json.dumps({"events": shown, "more": more}, indent=2, ensure_ascii=False))
    elif not shown and not as_csv:
        typer.echo("no events")
    else:
        print_columns(event_columns(shown), as_csv=as_csv, at_least=EVENT_COLUMNS_AT_LEAST)
        if more:
            typer.echo(
                f"these are {count(len(shown), 'event')}, and there are more: see --limit", err=True
            )

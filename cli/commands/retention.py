"""`weir retention`: whether anything is kept for longer than its limit, and removing it now."""

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated

import typer
from google.protobuf import json_format
from weir.privacy.v1 import retention_target_service_pb2 as pb
from weir.privacy.v1 import retention_target_service_pb2_grpc

from cli.commands.jobs import run_job
from cli.moments import shown_moment
from cli.options import AsCsv, AsJson, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from cli.wording import count

app = typer.Typer(
    no_args_is_help=True,
    help="Say whether anything is kept for longer than its limit; remove it now.",
)
App = Annotated[str, typer.Option("--app", metavar="APP", help="Only data of this app.")]
# Those that answer for their own stores, and the jobs that end what is past a limit, in this order.
_SERVICES = ("enrich", "ingest", "aggregate")
JOBS = (
    "enrich.anonymize_events",
    "enrich.expire_events",
    "ingest.expire_dead_letters",
    "aggregate.expire_rollups",
)
_ACTIONS = {pb.RETENTION_ACTION_REMOVE: "remove", pb.RETENTION_ACTION_ANONYMIZE: "anonymize"}


@app.callback()
def main() -> None:
    """Say whether anything is kept for longer than its limit; remove it now."""


@app.command()
def status(app_id: App = "", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what is past its limit, and why it stays; exit code 1 if there is any.

    Stored events, people in them, dead letters and cells of rollups. What becomes due at midnight UTC is past
    its limit until the jobs have run, some minutes later (cells: 03:40).
    """
    check_format(as_json=as_json, as_csv=as_csv)
    found = _overdue(app_id)
    _print(found, as_json=as_json, as_csv=as_csv)
    if found:
        raise typer.Exit(1)


@app.command()
def preview(app_id: App = "", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what a run would remove or anonymize now; nothing is changed."""
    check_format(as_json=as_json, as_csv=as_csv)
    found = [each for each in _overdue(app_id) if not each.kept_because]
    _print(found, as_json=as_json, as_csv=as_csv)


@app.command()
def run(as_json: AsJson = False) -> None:
    """Have the jobs run now that remove and anonymize what is past its limit, in all apps; exit code 1 if one
    fails.

    The journal has the runs: `weir jobs runs JOB`.
    """
    for job in JOBS:
        run_job(job, "", wait=True, as_json=as_json)


def _overdue(app_id: str) -> list[pb.OverdueData]:
    request = pb.ListOverdueRequest(app_id=app_id)
    found: list[pb.OverdueData] = []
    for service in _SERVICES:
        stub = retention_target_service_pb2_grpc.RetentionTargetServiceStub
        with calls_to(service, stub, app_id) as calls:
            found += calls.ListOverdue(request).overdue
    return found


def _print(found: Sequence[pb.OverdueData], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        plain = [
            json_format.MessageToDict(each, preserving_proto_field_name=True) for each in found
        ]
        typer.echo(json.dumps(plain, indent=2))
        return
    if not found and not as_csv:
        typer.echo("nothing is past its limit")
        return
    columns = [
        Column("store", "store", [each.store for each in found]),
        Column("app", "app_id", [each.app_id for each in found]),
        Column("of", "kind", [each.kind for each in found]),
        Column("to do", "action", [_ACTIONS[each.action] for each in found]),
        Column("days", "limit_days", [str(each.limit_days) for each in found], is_number=True),
        Column("rows", "rows", [str(each.rows) for each in found], is_number=True),
        Column("oldest", "oldest", [_oldest(each) for each in found], is_number=True),
        Column("kept because", "kept_because", [each.kept_because for each in found]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=4)
    if not as_csv:
        typer.echo(f"{count(sum(each.rows for each in found), 'row')} past their limit")


def _oldest(each: pb.OverdueData) -> str:
    return shown_moment(each.oldest.ToDatetime(tzinfo=UTC))

"""`weir retention`: whether anything is kept for longer than its limit, and removing it now."""

import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from google.protobuf.message import Message
from weir.privacy.v1 import retention_service_pb2 as pb
from weir.privacy.v1 import retention_service_pb2_grpc
from weir.privacy.v1 import retention_target_service_pb2 as target_pb

from cli.moments import shown_moment
from cli.options import AsCsv, AsJson, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from cli.wording import count

app = typer.Typer(
    no_args_is_help=True,
    help="Say how long data is kept, and what is kept for longer; remove it now.",
)
App = Annotated[str, typer.Option("--app", metavar="APP", help="Only data of this app.")]
_ACTIONS = {
    target_pb.RETENTION_ACTION_REMOVE: "remove",
    target_pb.RETENTION_ACTION_ANONYMIZE: "anonymize",
}
_STATES = {
    pb.RETENTION_RUN_STATE_RUNNING: "running",
    pb.RETENTION_RUN_STATE_DONE: "done",
    pb.RETENTION_RUN_STATE_FAILED: "failed",
}
# How often a run is asked for.
_POLL_SECONDS = 0.5


@app.callback()
def main() -> None:
    """Say how long data is kept, and what is kept for longer; remove it now."""


@app.command()
def status(app_id: App = "", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what is past its limit, and why it stays; exit code 1 if there is any.

    Stored events, people in them, dead letters, quarantine, cells and results of rollups, the audit trail,
    the journal of jobs. What becomes due at midnight UTC is past its limit until the jobs have run, minutes
    later (cells and journal: before 04:00).
    """
    check_format(as_json=as_json, as_csv=as_csv)
    found = _overdue(app_id)
    _print_overdue(found, as_json=as_json, as_csv=as_csv)
    if found:
        raise typer.Exit(1)


@app.command()
def preview(app_id: App = "", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what a run would remove or anonymize now; nothing is changed."""
    check_format(as_json=as_json, as_csv=as_csv)
    found = [each for each in _overdue(app_id) if not each.kept_because]
    _print_overdue(found, as_json=as_json, as_csv=as_csv)


@app.command()
def policies(app_id: App = "", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the limits that hold now: of each store, by app and kind, and the job that ends it."""
    check_format(as_json=as_json, as_csv=as_csv)
    with calls_to("privacy", retention_service_pb2_grpc.RetentionServiceStub, app_id) as calls:
        limits = calls.ListPolicies(pb.ListPoliciesRequest(app_id=app_id)).limits
    if as_json:
        _print_json(limits)
        return
    columns = [
        Column("store", "store", [each.store for each in limits]),
        Column("app", "app_id", [each.app_id for each in limits]),
        Column("of", "kind", [each.kind for each in limits]),
        Column("to do", "action", [_ACTIONS[each.action] for each in limits]),
        Column("days", "limit_days", [_days(each) for each in limits], is_number=True),
        Column("by", "set_by", [each.set_by for each in limits]),
        Column("job", "job", [each.job for each in limits]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=4)


@app.command()
def run(
    wait: Annotated[bool, typer.Option(help="Wait until it has ended.")] = True,
    as_json: AsJson = False,
) -> None:
    """Have all services end now what is past its limit, in all apps; exit code 1 if a job fails.

    A run goes on by itself if services are killed or this command is interrupted: `weir retention runs`.
    """
    request = pb.RunRequest(request_id=str(uuid.uuid4()))
    with calls_to("privacy", retention_service_pb2_grpc.RetentionServiceStub, "") as calls:
        found = calls.Run(request).run
        shown = 0
        while wait and found.state == pb.RETENTION_RUN_STATE_RUNNING:
            time.sleep(_POLL_SECONDS)
            found = calls.Run(request).run
            ended = (
                found.steps[:-1] if found.state == pb.RETENTION_RUN_STATE_RUNNING else found.steps
            )
            if not as_json:
                for step in ended[shown:]:
                    typer.echo(_shown_step(step))
            shown = max(shown, len(ended))
    if as_json:
        _print_json([found])
    else:
        typer.echo(f"run {found.request_id}: {_STATES[found.state]}")
    if found.state == pb.RETENTION_RUN_STATE_FAILED:
        raise typer.Exit(1)


@app.command("runs")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="So many at most.")] = 20,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The newest runs that were asked for; the services' daily ones are in `weir jobs runs`."""
    check_format(as_json=as_json, as_csv=as_csv)
    with calls_to("privacy", retention_service_pb2_grpc.RetentionServiceStub, "") as calls:
        runs = calls.ListRuns(pb.ListRunsRequest(page_size=limit)).runs
    if as_json:
        _print_json(runs)
        return
    columns = [
        Column("run", "request_id", [each.request_id for each in runs]),
        Column("by", "requested_by", [each.requested_by for each in runs]),
        Column("asked for", "requested_at", [_moment(each, "requested_at") for each in runs]),
        Column("ended", "finished_at", [_moment(each, "finished_at") for each in runs]),
        Column("state", "state", [_STATES[each.state] for each in runs]),
        Column("steps", "steps", ["; ".join(map(_shown_step, each.steps)) for each in runs]),
        Column("waits", "waiting_because", [each.waiting_because for each in runs]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=4)


def _overdue(app_id: str) -> list[target_pb.OverdueData]:
    with calls_to("privacy", retention_service_pb2_grpc.RetentionServiceStub, app_id) as calls:
        return list(calls.PreviewRun(pb.PreviewRunRequest(app_id=app_id)).overdue)


def _print_overdue(found: Sequence[target_pb.OverdueData], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        _print_json(found)
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
        Column("oldest", "oldest", [_moment(each, "oldest") for each in found], is_number=True),
        Column("kept because", "kept_because", [each.kept_because for each in found]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=4)
    if not as_csv:
        typer.echo(f"{count(sum(each.rows for each in found), 'row')} past their limit")


def _print_json(found: Sequence[Message]) -> None:
    plain = [json_format.MessageToDict(each, preserving_proto_field_name=True) for each in found]
    typer.echo(json.dumps(plain, indent=2))


def _shown_step(step: target_pb.RetentionStep) -> str:
    counts = [f"{name}={number}" for name, number in sorted(step.counts.items())]
    return " ".join(filter(None, [f"{step.job}:", step.outcome, *counts, step.error]))


def _days(limit: target_pb.RetentionLimit) -> str:
    return str(limit.limit_days) if limit.limit_days else "no limit"


def _moment(message: Any, field: str) -> str:
    if not message.HasField(field):
        return ""
    return shown_moment(getattr(message, field).ToDatetime(tzinfo=UTC))

"""What people ask for about themselves: followed to its end, and shown."""

import json
import time
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from cli.exits import fail
from cli.moments import shown_moment
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns

NewRequestId = Annotated[
    str,
    typer.Option(
        "--request-id", metavar="UUID", help="Make it with this id. By default a new one."
    ),
]

_POLL_SECONDS = 0.5


def followed(calls: Any, request: pb.SubjectRequest, what: str) -> pb.SubjectRequest:
    """The request when it has ended, or waits for its time; shows how far it has come on a terminal."""
    console = Console(stderr=True)
    wanted = pb.GetRequestRequest(app_id=request.app_id, request_id=request.request_id)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        while request.state == pb.SUBJECT_REQUEST_STATE_RUNNING or _begins_now(request):
            time.sleep(_POLL_SECONDS)
            request = calls.GetRequest(wanted).request
            step = next(
                (each for each in request.steps if each.state != pb.SUBJECT_STEP_STATE_DONE), None
            )
            progress.update(
                task,
                total=request.steps_total or None,
                completed=request.steps_done,
                description=f"{step.name} ({step.service})" if step else what,
            )
    return request


def _begins_now(request: pb.SubjectRequest) -> bool:
    waits = request.state == pb.SUBJECT_REQUEST_STATE_WAITING
    return waits and not request.failure and request.due_at.seconds <= time.time()


def state_name(request: pb.SubjectRequest) -> str:
    """The state as a word."""
    name = pb.SubjectRequestState.Name(request.state)
    return name.removeprefix("SUBJECT_REQUEST_STATE_").lower()


def request_calls(app_id: str) -> Any:
    """The calls about requests, for a `with`; what they raise ends the command."""
    return calls_to("privacy", subject_request_service_pb2_grpc.SubjectRequestServiceStub, app_id)


def show(request: pb.SubjectRequest, *, as_json: bool) -> None:
    """Prints the request. One that has failed ends the command, with exit code 1."""
    if as_json:
        typer.echo(json.dumps(_as_dict(request), indent=2))
    else:
        _print(request)
    if request.state == pb.SUBJECT_REQUEST_STATE_FAILED:
        fail(request.failure)


def show_all(requests: Sequence[pb.SubjectRequest], *, as_json: bool, as_csv: bool) -> None:
    """Prints a line for each, first what a command about one needs, or all of each as JSON."""
    if as_json:
        typer.echo(json.dumps([_as_dict(each) for each in requests], indent=2))
    elif requests or as_csv:
        print_columns(_columns(requests), as_csv=as_csv, at_least=3)
    else:
        typer.echo("no requests")


def _print(request: pb.SubjectRequest) -> None:
    typer.echo(f"request {request.request_id}: {_said(request)}")
    for step in request.steps:
        for store in step.stores:
            said = f"{store.erased:,} erased"
            said += f", {store.anonymized:,} anonymized" if store.anonymized else ""
            said += f", {store.withheld:,} kept: {store.withheld_because}" if store.withheld else ""
            typer.echo(f"  {store.store:<28} {said}")
    for change in request.rectified:
        typer.echo(f"  {change.property:<28} {'changed' if change.hash_after else 'removed'}")


def _said(request: pb.SubjectRequest) -> str:
    name = state_name(request)
    if request.state == pb.SUBJECT_REQUEST_STATE_WAITING:
        due_at = request.due_at.ToDatetime(tzinfo=UTC)
        return request.failure or f"{name}, begins {shown_moment(due_at)}"
    if request.state == pb.SUBJECT_REQUEST_STATE_RUNNING:
        return f"{name}, {request.steps_done} of {request.steps_total} steps"
    return name


def _columns(found: Sequence[pb.SubjectRequest]) -> list[Column]:
    made, due = (
        [getattr(each, field).ToDatetime(tzinfo=UTC) for each in found]
        for field in ("created_at", "due_at")
    )
    return [
        Column("request", "request_id", [each.request_id for each in found], is_id=True),
        Column("kind", "kind", [_kind(each) for each in found]),
        Column(
            "state",
            "state",
            [_said(each) for each in found],
            in_csv=[state_name(each) for each in found],
        ),
        Column(
            "made",
            "created_at",
            [shown_moment(moment) for moment in made],
            # To the microsecond, as JSON has it.
            in_csv=[moment.isoformat() for moment in made],
        ),
        Column("due", "due_at", [moment.isoformat() for moment in due], only_in_csv=True),
        Column("about", "subject", [each.subject for each in found]),
        Column("by", "requester", [each.requester for each in found]),
    ]


def _kind(request: pb.SubjectRequest) -> str:
    return pb.SubjectRequestKind.Name(request.kind).removeprefix("SUBJECT_REQUEST_KIND_").lower()


def _as_dict(request: pb.SubjectRequest) -> dict[str, object]:
    return {
        "request_id": request.request_id,
        "kind": _kind(request),
        "state": state_name(request),
        "subject": request.subject,
        "requester": request.requester,
        "created_at": request.created_at.ToJsonString(),
        "due_at": request.due_at.ToJsonString(),
        "steps_done": request.steps_done,
        "steps_total": request.steps_total,
        "failure": request.failure or None,
        "stores": {
            store.store: {
                "erased": store.erased,
                "anonymized": store.anonymized,
                "withheld": store.withheld,
                "withheld_because": store.withheld_because or None,
            }
            for step in request.steps
            for store in step.stores
        },
        "event_uuid": request.event_uuid or None,
        "rectified": {
            each.property: {
                "hash_before": each.hash_before or None,
                "hash_after": each.hash_after or None,
            }
            for each in request.rectified
        },
        "receipt": json.loads(request.receipt_json) if request.receipt_json else None,
    }

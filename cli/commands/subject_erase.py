"""`weir subject erase`, `status`, `cancel`: the end of what is held about one person."""

import json
import time
from datetime import UTC
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from cli.exits import fail
from cli.moments import shown_moment
from cli.options import AppId, AsJson, EventCategories, SubjectId
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from libs.rpc.channels import pages

RequestId = Annotated[str, typer.Option("--request-id", metavar="UUID", help="The request.")]
NewRequestId = Annotated[
    str,
    typer.Option(
        "--request-id", metavar="UUID", help="Make it with this id. By default a new one."
    ),
]

_POLL_SECONDS = 0.5


def erase(
    app_id: AppId,
    subject_id: SubjectId,
    categories: EventCategories = None,
    request_id: NewRequestId = "",
    without_grace: Annotated[
        bool,
        typer.Option(
            "--now",
            help="Begin without the grace period of the catalog; also an erasure that waits for its end.",
        ),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Follow the erasure to its end, but for one in its grace period."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person: events, sessions, dead letters, consent, and numbers that name the person.

    Consent is withdrawn, and nothing that occurred before is stored any more. Numbers whose events are still
    stored are counted again. A catalog may have a grace period, in which the request can be cancelled, and
    categories that a law keeps.
    """
    request = pb.CreateErasureRequest(
        app_id=app_id,
        subject_id=subject_id,
        request_id=request_id,
        categories=categories or (),
        without_grace=without_grace,
    )
    with request_calls(app_id) as calls:
        found = calls.CreateErasure(request).request
        if wait:
            found = followed(calls, found, "erasure")
    show(found, as_json=as_json)
    if found.state == pb.SUBJECT_REQUEST_STATE_CANCELLED:
        raise typer.Exit(1)


def status(
    app_id: AppId,
    subject_id: Annotated[
        str, typer.Option("--subject", help="All requests about this person.")
    ] = "",
    request_id: Annotated[
        str, typer.Option("--request-id", metavar="UUID", help="This request.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show how far requests about people have come: one, those about a person, or all."""
    with request_calls(app_id) as calls:
        if request_id:
            wanted = pb.GetRequestRequest(app_id=app_id, request_id=request_id)
            show(calls.GetRequest(wanted).request, as_json=as_json)
            return
        asked = pb.ListRequestsRequest(app_id=app_id, subject_id=subject_id)
        found = [each for page in pages(calls.ListRequests, asked) for each in page.requests]
    if as_json:
        typer.echo(json.dumps([_as_dict(each) for each in found], indent=2))
    elif not found:
        typer.echo("no requests")
    else:
        print_columns(_columns(found), as_csv=False, at_least=3)


def cancel(app_id: AppId, request_id: RequestId, as_json: AsJson = False) -> None:
    """Cancel a request that has not begun."""
    with request_calls(app_id) as calls:
        wanted = pb.CancelRequestRequest(app_id=app_id, request_id=request_id)
        show(calls.CancelRequest(wanted).request, as_json=as_json)


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
        return request.failure or f"{name}, begins {_moment(request, 'due_at')}"
    if request.state == pb.SUBJECT_REQUEST_STATE_RUNNING:
        return f"{name}, {request.steps_done} of {request.steps_total} steps"
    return name


def _columns(found: list[pb.SubjectRequest]) -> list[Column]:
    kinds = [
        pb.SubjectRequestKind.Name(each.kind).removeprefix("SUBJECT_REQUEST_KIND_").lower()
        for each in found
    ]
    return [
        Column("made", "created_at", [_moment(each, "created_at") for each in found]),
        Column("kind", "kind", kinds),
        Column("state", "state", [_said(each) for each in found]),
        Column("about", "subject", [each.subject for each in found]),
        Column("by", "requester", [each.requester for each in found]),
        Column("request", "request_id", [each.request_id for each in found]),
    ]


def _moment(request: pb.SubjectRequest, field: str) -> str:
    return shown_moment(getattr(request, field).ToDatetime(tzinfo=UTC))


def _as_dict(request: pb.SubjectRequest) -> dict[str, object]:
    return {
        "request_id": request.request_id,
        "state": state_name(request),
        "subject": request.subject,
        "requester": request.requester,
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

"""`weir subject export`: a copy of everything that is held about one person."""

import json
import time
import uuid
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.console import Console
from rich.progress import Progress
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from cli.commands.subject_requests import state_name
from cli.downloaded_file import DownloadedFile, DownloadError
from cli.exits import fail
from cli.moments import shown_moment
from cli.options import AppId, AsJson, EventCategories, SubjectId
from cli.suite_channel import calls_to
from weir_client import describe_error

_POLL_SECONDS = 0.5
# Attempts without progress, and how long to wait before one.
_ATTEMPTS = 5
_WAIT_SECONDS = 1.0
_CUT_OFF = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED")
_OPEN = (pb.SUBJECT_REQUEST_STATE_WAITING, pb.SUBJECT_REQUEST_STATE_RUNNING)


def export(
    app_id: AppId,
    subject_id: SubjectId,
    categories: EventCategories = None,
    request_id: Annotated[
        str,
        typer.Option(
            "--request-id",
            metavar="UUID",
            help="Go on with this request, or make it with this id. By default a new one.",
        ),
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow the export to its end.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="Wait, and write the ZIP to this file, which must not exist."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for everything that is held about a person, as one ZIP.

    It has JSON Lines and CSV of each kind of data, a manifest with counts and SHA-256, and index.html, which
    says what is in it. It is as of the moment of this command. A download that was cut goes on where it was,
    with the same --request-id and --output.
    """
    if output is not None and output.exists():
        fail(f"{output} exists: name another file, or delete it", 2)
    request = pb.CreateExportRequest(
        app_id=app_id,
        subject_id=subject_id,
        request_id=request_id or str(uuid.uuid4()),
        categories=categories or (),
    )
    stub = subject_request_service_pb2_grpc.SubjectRequestServiceStub
    try:
        with calls_to("privacy", stub, app_id) as calls:
            found = calls.CreateExport(request).request
            if not as_json:
                typer.echo(f"request {found.request_id}", err=True)
            if wait or output is not None:
                found = _followed(calls, found)
            if output is not None and found.state == pb.SUBJECT_REQUEST_STATE_DONE:
                _download(calls, found, output)
    except DownloadError as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(_as_dict(found, output), indent=2))
    elif output is None or found.state != pb.SUBJECT_REQUEST_STATE_DONE:
        typer.echo(_said(found))
    else:
        typer.echo(f"{found.size_bytes:,} bytes in {output}")
    if found.state in (pb.SUBJECT_REQUEST_STATE_CANCELLED, pb.SUBJECT_REQUEST_STATE_FAILED):
        raise typer.Exit(1)


def _followed(calls: Any, request: pb.SubjectRequest) -> pb.SubjectRequest:
    """The request when it has ended; shows how far it has come on a terminal."""
    console = Console(stderr=True)
    wanted = pb.GetRequestRequest(app_id=request.app_id, request_id=request.request_id)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("export", total=None)
        while request.state in _OPEN:
            time.sleep(_POLL_SECONDS)
            request = calls.GetRequest(wanted).request
            pending = (step for step in request.steps if step.state != pb.SUBJECT_STEP_STATE_DONE)
            progress.update(
                task,
                total=request.steps_total or None,
                completed=request.steps_done,
                description=next((step.name for step in pending), "export"),
            )
    return request


def _download(calls: Any, request: pb.SubjectRequest, output: Path) -> None:
    """Writes the file, going on after a call that is cut."""
    console = Console(stderr=True)
    wanted = pb.DownloadExportRequest(app_id=request.app_id, request_id=request.request_id)
    without_progress = 0
    with (
        DownloadedFile(output) as file,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("download", total=request.size_bytes)
        while file.size < request.size_bytes:
            wanted.offset = file.size
            try:
                for part in calls.DownloadExport(wanted, endless=True):
                    file.write(part.chunk)
                    without_progress = 0
                    progress.update(task, completed=file.size)
            except grpc.RpcError as error:
                without_progress += 1
                if describe_error(error).code not in _CUT_OFF or without_progress == _ATTEMPTS:
                    raise
                time.sleep(_WAIT_SECONDS)
            else:
                if file.size < request.size_bytes:
                    fail("the service ended the download before the end of the file")
        file.finish(request.sha256.hex())


def _said(request: pb.SubjectRequest) -> str:
    name = state_name(request)
    if request.state == pb.SUBJECT_REQUEST_STATE_DONE:
        until = shown_moment(request.expires_at.ToDatetime(tzinfo=UTC))
        return f"{name}: {request.size_bytes:,} bytes, kept until {until}"
    if request.failure:
        return f"{name}: {request.failure}"
    return f"{name}: {request.steps_done} of {request.steps_total} steps"


def _as_dict(request: pb.SubjectRequest, output: Path | None) -> dict[str, object]:
    return {
        "request_id": request.request_id,
        "state": state_name(request),
        "steps_done": request.steps_done,
        "steps_total": request.steps_total,
        "failure": request.failure or None,
        "size_bytes": request.size_bytes or None,
        "sha256": request.sha256.hex() or None,
        "output": None if output is None else str(output),
    }

"""`weir export`: stored events as a file; an export that was cut goes on where it was."""

import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.aggregate.v1 import event_query_pb2 as pb

from cli.commands.event_choice import Filter, From, To, checked_filter, time_frame
from cli.exits import fail
from cli.export_file import ExportFile, ExportFileError
from cli.options import AppId, Last
from cli.suite_channel import calls_to
from cli.wording import count
from weir_client import describe_error

# Attempts without progress, and how long to wait before one if the server does not say.
_ATTEMPTS = 5
_WAIT_SECONDS = 1.0
_CUT_OFF = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED")


class FileFormat(StrEnum):
    """The form of the file."""

    CSV = "csv"
    JSONL = "jsonl"
    XAPI = "xapi"


_FORMATS = {
    FileFormat.CSV: pb.EXPORT_FORMAT_CSV,
    FileFormat.JSONL: pb.EXPORT_FORMAT_JSON_LINES,
    FileFormat.XAPI: pb.EXPORT_FORMAT_XAPI,
}


def export(
    app_id: AppId,
    form: Annotated[
        FileFormat,
        typer.Option(
            "--format",
            help="jsonl is exact; in csv, texts that a spreadsheet would take for formulas begin with a '."
            " xapi: a statement a line, of the events of which the catalog makes one.",
        ),
    ] = FileFormat.JSONL,
    last: Last = "",
    start: From = "",
    end: To = "",
    condition: Filter = "",
    without_person: Annotated[
        bool,
        typer.Option(
            "--without-person",
            help="Leave out what identifies a person; takes the permission `events.export` only.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="The file, which must not exist. By default standard output."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with an export to --output that was cut; same other options."
        ),
    ] = False,
) -> None:
    """Export stored events to a file, by name and then by time.

    While the file is not complete, there is a FILE.resume beside it. An export can be resumed for 24 hours.
    """
    if resume and output is None:
        fail("--resume: needs --output", 2)
    # Not each event makes a statement, and the service says how many statements it sends.
    noun = "statement" if form is FileFormat.XAPI else "event"
    request = pb.ExportEventsRequest(
        app_id=app_id,
        time=time_frame(last, start, end),
        filter=checked_filter(condition),
        format=_FORMATS[form],
        without_personal_data=without_person,
    )
    try:
        with (
            ExportFile(
                output, request.SerializeToString(deterministic=True), resume=resume
            ) as file,
            calls_to("aggregate", aggregate_service_pb2_grpc.AggregateServiceStub, app_id) as stub,
        ):
            try:
                for response in _responses(stub, request, file, noun):
                    file.write(response.data, response.rows, response.resume_token)
                file.finish()
            finally:
                if file.can_be_resumed:
                    typer.echo(f"{output} is not complete: go on with --resume", err=True)
    except ExportFileError as error:
        fail(str(error), error.exit_code)
    typer.echo(f"{count(file.rows, noun)} in {output or 'standard output'}", err=True)


def _responses(
    stub: Any, request: pb.ExportEventsRequest, file: ExportFile, noun: str
) -> Iterator[pb.ExportEventsResponse]:
    """What the service sends, to the end; a call that is cut is repeated from the last complete line on.
    A line is a `noun`."""
    without_progress = 0
    while True:
        request.resume_token = file.token
        try:
            for response in stub.ExportEvents(request, endless=True):
                if response.last:
                    return
                without_progress = 0
                yield response
            fail("the service ended the export before the end of the file")
        except grpc.RpcError as error:
            described = describe_error(error)
            without_progress += 1
            if described.code not in _CUT_OFF or without_progress == _ATTEMPTS:
                raise
            problem, wait = described.reason or described.code, described.retry_after_seconds
        typer.echo(f"{problem}: going on after {count(file.rows, noun)}", err=True)
        file.drop_partial_line()
        time.sleep(wait or _WAIT_SECONDS)

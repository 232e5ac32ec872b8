"""`weir subject rectify`: corrects what a stored event says."""

import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from weir.privacy.v1 import subject_request_service_pb2 as pb

from cli.commands.subject_requests import NewRequestId, followed, request_calls, show
from cli.exits import fail
from cli.options import AppId, AsJson, SubjectId


def rectify(
    app_id: AppId,
    subject_id: SubjectId,
    event_id: Annotated[str, typer.Option("--event", help="The event's id, as it is listed.")],
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="A.B",
            help="A property to correct; may be repeated, each with its --value.",
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="JSON|@FILE|-",
            help="The new value of the --property at the same place: JSON, or a file with it; - reads"
            " standard input. What stands in the command is seen by others on the machine.",
        ),
    ] = None,
    removed: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="A.B", help="A property to remove; may be repeated."),
    ] = None,
    request_id: NewRequestId = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow it until the numbers are counted again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Correct properties of a stored event of a person, also while processing is restricted.

    The new values have to match the event's schema. Numbers of the event are counted again, but for those
    that are final. The values are kept in the event alone, not in the request or in the audit trail.
    """
    if len(properties or ()) != len(values or ()):
        fail("each --property needs its --value", 2)
    given = _values(properties or (), values or ())
    # If the call is cut off, the same can be asked again, with this id.
    if not request_id:
        request_id = str(uuid.uuid4())
        typer.echo(f"--request-id {request_id}", err=True)
    request = pb.CreateRectificationRequest(
        app_id=app_id,
        subject_id=subject_id,
        request_id=request_id,
        event_id=event_id,
        changes=[
            *(
                pb.PropertyChange(property=name, value_json=value)
                for name, value in zip(properties or (), given, strict=True)
            ),
            *(pb.PropertyChange(property=name, removed=True) for name in removed or ()),
        ],
    )
    with request_calls(app_id) as calls:
        found = calls.CreateRectification(request).request
        if wait:
            found = followed(calls, found, "rectification")
    show(found, as_json=as_json)


def _values(properties: Sequence[str], values: Sequence[str]) -> list[bytes]:
    """The new values as JSON, those from files read; ends the command if one is none."""
    if values.count("-") > 1:
        fail("standard input can be read for one --value only", 2)
    found = []
    for name, value in zip(properties, values, strict=True):
        try:
            text = _text(value)
            json.loads(text)
            found.append(text.encode())
        except OSError as error:
            fail(f"--value of {name} cannot be read: {error.strerror}", 2)
        except ValueError:
            fail(f"--value of {name} is not JSON (a text is written as '\"text\"')", 2)
    return found


def _text(value: str) -> str:
    """Raises OSError, and ValueError for a file that is not UTF-8."""
    if value == "-":
        return sys.stdin.read()
    return Path(value[1:]).read_text() if value.startswith("@") else value

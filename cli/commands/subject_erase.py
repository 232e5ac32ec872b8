"""`weir subject erase`: the end of what is held about one person."""

from typing import Annotated

import typer
from weir.privacy.v1 import subject_request_service_pb2 as pb

from cli.commands.subject_requests import NewRequestId, followed, request_calls, show
from cli.options import AppId, AsJson, EventCategories, SubjectId


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

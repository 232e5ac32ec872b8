"""`weir subject restrict`, `lift`, `restricted`: a person's data are kept, and not used otherwise."""

import json
from datetime import UTC
from typing import Annotated

import typer
from weir.privacy.v1 import subject_request_service_pb2 as pb

from cli.commands.subject_requests import request_calls
from cli.moments import shown_moment
from cli.options import AppId, AsJson, SubjectId
from libs.rpc.channels import pages

_PAGE_SIZE = 1_000
Reason = Annotated[
    str, typer.Option("--reason", help="Why; the person's history and export show it.")
]


def restrict(app_id: AppId, subject_id: SubjectId, reason: Reason, as_json: AsJson = False) -> None:
    """Restrict the processing of a person's data: what is stored stays, nothing more is collected.

    It is in force when the command returns, whatever the person has agreed to. Events for which the catalog
    asks for no consent are still collected, and what is stored still ends when its time is over.
    """
    request = pb.RestrictProcessingRequest(app_id=app_id, subject_id=subject_id, reason=reason)
    with request_calls(app_id) as calls:
        found = calls.RestrictProcessing(request)
    since = found.restricted_at.ToDatetime(tzinfo=UTC)
    if as_json:
        said = {"restricted_at": since.isoformat(), "token": found.token}
        typer.echo(json.dumps(said, indent=2))
    else:
        typer.echo(f"restricted since {shown_moment(since)}")


def lift(app_id: AppId, subject_id: SubjectId, reason: Reason, as_json: AsJson = False) -> None:
    """Lift a restriction: what the person has answered counts again. Tell the person before."""
    request = pb.LiftRestrictionRequest(app_id=app_id, subject_id=subject_id, reason=reason)
    with request_calls(app_id) as calls:
        found = calls.LiftRestriction(request)
    typer.echo(json.dumps({"token": found.token}, indent=2) if as_json else "not restricted")


def restricted(app_id: AppId, as_json: AsJson = False) -> None:
    """List the people whose data are restricted now, by their ids in the app. This leaves an entry in
    the audit trail."""
    request = pb.ListRestrictionsRequest(app_id=app_id, page_size=_PAGE_SIZE)
    with request_calls(app_id) as calls:
        people = [
            person for page in pages(calls.ListRestrictions, request) for person in page.subject_ids
        ]
    if as_json:
        typer.echo(json.dumps({"subject_ids": people}, indent=2, ensure_ascii=False))
    elif people:
        typer.echo("\n".join(people))
    else:
        typer.echo("no one's data are restricted", err=True)

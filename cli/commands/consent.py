"""`weir consent`: record what people agree to, and ask what may be done."""

import json
from contextlib import AbstractContextManager
from datetime import UTC
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from cli.moments import shown_moment
from cli.options import AppId, AsJson
from cli.suite_channel import calls_to
from cli.tables import output_console
from libs.rpc.channels import pages

app = typer.Typer(no_args_is_help=True, help="Record what people agree to; ask what may be done.")

_PAGE_SIZE = 1_000

SubjectId = Annotated[str, typer.Option("--subject", help="The person, in the app's own ids.")]


@app.command("set")
def set_consent(
    app_id: AppId,
    subject_id: SubjectId,
    grant: Annotated[
        list[str] | None, typer.Option(metavar="PURPOSE", help="Granted; may be repeated.")
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(metavar="PURPOSE", help="Denied or withdrawn; may be repeated."),
    ] = None,
    actor: Annotated[str, typer.Option(help="Who says so.")] = "operator",
    method: Annotated[str, typer.Option(help="How it was said.")] = "cli",
    notice: Annotated[
        str, typer.Option(help="Version of the notice that the person saw; needed for grants.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Record grants and withdrawals; says the token that later checks may carry."""
    choices = [pb.ConsentChoice(purpose=purpose, granted=True) for purpose in grant or ()]
    choices += [pb.ConsentChoice(purpose=purpose, granted=False) for purpose in deny or ()]
    request = pb.RecordConsentRequest(
        app_id=app_id,
        subject_id=subject_id,
        choices=choices,
        actor=actor,
        method=method,
        notice_version=notice,
    )
    with _privacy(app_id) as stub:
        response = stub.RecordConsent(request)
    if as_json:
        recorded_at = response.recorded_at.ToDatetime(tzinfo=UTC).isoformat()
        typer.echo(json.dumps({"token": response.token, "recorded_at": recorded_at}))
        return
    said = ", ".join(f"{choice.purpose} {_choice(choice.granted)}" for choice in choices)
    typer.echo(f"recorded for {subject_id}: {said}; token for checks: {response.token}")


@app.command()
def check(
    app_id: AppId,
    subject_id: SubjectId,
    purpose: Annotated[str, typer.Option(help="A purpose of the app's catalog.")],
    token: Annotated[str, typer.Option(help="From `set`: never answer from an older state.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask what may be done with events about one person: allow, anonymize or drop."""
    request = pb.CheckConsentRequest(
        app_id=app_id, subject_id=subject_id, purpose=purpose, token=token
    )
    with _privacy(app_id) as stub:
        response = stub.CheckConsent(request)
    decision = pb.Decision.Name(response.decision).removeprefix("DECISION_").lower()
    if as_json:
        typer.echo(json.dumps({"decision": decision, "recorded": response.recorded}))
        return
    origin = "the person said so" if response.recorded else "the catalog's default"
    typer.echo(f"{decision} ({origin})")


@app.command()
def history(app_id: AppId, subject_id: SubjectId, as_json: AsJson = False) -> None:
    """List every grant and withdrawal of one person, oldest first."""
    request = pb.GetConsentHistoryRequest(
        app_id=app_id, subject_id=subject_id, page_size=_PAGE_SIZE
    )
    with _privacy(app_id) as stub:
        answers = pages(stub.GetConsentHistory, request)
        entries = [entry for page in answers for entry in page.entries]
    if as_json:
        typer.echo(json.dumps([_as_dict(entry) for entry in entries], indent=2))
        return
    if not entries:
        typer.echo(f"nothing is recorded for {subject_id}")
        return
    texts = ("purpose", "actor", "method", "notice")
    table = Table(
        Column("recorded at", no_wrap=True),
        Column("choice", no_wrap=True),
        *(Column(title, overflow="fold") for title in texts),
    )
    for entry in entries:
        words = (entry.purpose, entry.actor, entry.method, entry.notice_version)
        table.add_row(
            shown_moment(entry.recorded_at.ToDatetime(tzinfo=UTC)),
            _choice(entry.granted),
            *map(escape, words),
        )
    output_console().print(table)


def _choice(granted: bool) -> str:
    return "granted" if granted else "denied"


def _as_dict(entry: pb.ConsentEntry) -> dict[str, object]:
    return {
        # To the microsecond, as `set` says it: the order of answers can matter.
        "recorded_at": entry.recorded_at.ToDatetime(tzinfo=UTC).isoformat(),
        "purpose": entry.purpose,
        "granted": entry.granted,
        "actor": entry.actor,
        "method": entry.method,
        "notice_version": entry.notice_version,
    }


def _privacy(app_id: str) -> AbstractContextManager[Any]:
    return calls_to("privacy", privacy_service_pb2_grpc.PrivacyServiceStub, app_id)

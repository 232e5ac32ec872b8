"""`weir consent`: record what people agree to, and ask what may be done."""

import json
from contextlib import AbstractContextManager
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Any

import typer
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from cli.moments import moment_of, shown_moment
from cli.options import AppId, AsCsv, AsJson, SubjectId, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from libs.rpc.channels import pages

app = typer.Typer(no_args_is_help=True, help="Record what people agree to; ask what may be done.")

_PAGE_SIZE = 1_000
# By reason, what it was that decided.
_ORIGINS = {
    pb.DECISION_REASON_ANSWER: "the person said so: {status}",
    pb.DECISION_REASON_EXPIRED: "the person's grant has ended",
    pb.DECISION_REASON_DEFAULT: "the catalog's default",
    pb.DECISION_REASON_GUARDIAN_MISSING: "a guardian has to grant it",
    pb.DECISION_REASON_AGE: "not at the person's age",
    pb.DECISION_REASON_RESTRICTED: "the processing of the person's data is restricted",
}


class Role(StrEnum):
    """In which role a recording is made."""

    SUBJECT = "subject"
    OPERATOR = "operator"
    GUARDIAN = "guardian"


_ROLES = {
    Role.SUBJECT: pb.ACTOR_ROLE_SUBJECT,
    Role.OPERATOR: pb.ACTOR_ROLE_OPERATOR,
    Role.GUARDIAN: pb.ACTOR_ROLE_GUARDIAN,
}


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
    source: Annotated[str, typer.Option(help="From which system it comes.")] = "cli",
    role: Annotated[
        Role | None, typer.Option(help="In which role the actor says so.", show_default=False)
    ] = None,
    expires_at: Annotated[
        str,
        typer.Option(
            metavar="MOMENT", help="When the grants end; the catalog's period is a limit."
        ),
    ] = "",
    age_band: Annotated[
        str, typer.Option(metavar="BAND", help="The person's age band, one of the catalog's.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Record grants and withdrawals; says the token that later checks may carry. Granting again renews."""
    choices = [pb.ConsentChoice(purpose=purpose, granted=True) for purpose in grant or ()]
    choices += [pb.ConsentChoice(purpose=purpose, granted=False) for purpose in deny or ()]
    request = pb.RecordConsentRequest(
        app_id=app_id,
        subject_id=subject_id,
        choices=choices,
        actor=actor,
        method=method,
        notice_version=notice,
        source=source,
        actor_role=_role_number(role),
        expires_at=moment_of("--expires-at", expires_at) if expires_at else None,
        age_band=age_band,
    )
    with _privacy(app_id) as stub:
        response = stub.RecordConsent(request)
    if as_json:
        recorded_at = response.recorded_at.ToDatetime(tzinfo=UTC).isoformat()
        typer.echo(json.dumps({"token": response.token, "recorded_at": recorded_at}))
        return
    words = [f"{choice.purpose} {_choice(choice.granted)}" for choice in choices]
    said = ", ".join(words + ([f"age band {age_band}"] if age_band else []))
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
    decision = _word(pb.Decision, response.decision)
    status = _word(pb.ConsentStatus, response.status)
    reason = _word(pb.DecisionReason, response.reason)
    if as_json:
        answer = {
            "decision": decision,
            "recorded": response.recorded,
            "status": status,
            "reason": reason,
            "consent_version": response.consent_version,
        }
        typer.echo(json.dumps(answer))
        return
    origin = _ORIGINS[response.reason].format(status=status)
    typer.echo(f"{decision} ({origin})")


@app.command()
def history(
    app_id: AppId, subject_id: SubjectId, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """List every grant and withdrawal of one person, oldest first."""
    check_format(as_json=as_json, as_csv=as_csv)
    request = pb.GetConsentHistoryRequest(
        app_id=app_id, subject_id=subject_id, page_size=_PAGE_SIZE
    )
    with _privacy(app_id) as stub:
        answers = pages(stub.GetConsentHistory, request)
        entries = [entry for page in answers for entry in page.entries]
    if as_json:
        typer.echo(json.dumps([_as_dict(entry) for entry in entries], indent=2))
        return
    if not entries and not as_csv:
        typer.echo(f"nothing is recorded for {subject_id}")
        return
    moments = [entry.recorded_at.ToDatetime(tzinfo=UTC) for entry in entries]
    columns = [
        Column(
            "recorded at",
            "recorded_at",
            [shown_moment(moment) for moment in moments],
            is_number=True,
            # To the microsecond, as JSON has it.
            in_csv=[moment.isoformat() for moment in moments],
        ),
        Column(
            "choice",
            "status",
            [_shown_choice(entry) for entry in entries],
            is_id=True,
        ),
        Column("purpose", "purpose", [_about(entry) for entry in entries]),
        Column("actor", "actor", [_actor(entry) for entry in entries]),
        Column("how", "how", [_how(entry) for entry in entries]),
        Column("notice", "notice_version", [entry.notice_version for entry in entries]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=len(columns))


@app.command()
def receipt(
    app_id: AppId,
    subject_id: SubjectId,
    version: Annotated[
        int, typer.Option(min=0, help="Of the recording, from `history`; 0: the latest.")
    ] = 0,
) -> None:
    """Print a receipt of a recording, to hand to the person (ISO/IEC TS 27560, JSON)."""
    request = pb.GetConsentReceiptRequest(app_id=app_id, subject_id=subject_id, version=version)
    with _privacy(app_id) as stub:
        response = stub.GetConsentReceipt(request)
    typer.echo(json.dumps(json.loads(response.receipt_json), indent=2, ensure_ascii=False))


@app.command()
def verify(
    app_id: AppId,
    file: Annotated[typer.FileText, typer.Argument(help="A receipt; - reads it from stdin.")],
    as_json: AsJson = False,
) -> None:
    """Say whether a receipt is genuine, and still in force. Exit code 1 if it is not both."""
    request = pb.VerifyReceiptRequest(app_id=app_id, receipt_json=file.read())
    with _privacy(app_id) as stub:
        response = stub.VerifyReceipt(request)
    purposes = [
        {"purpose": one.purpose, "in_force": one.in_force}
        | {"status": _word(pb.ConsentStatus, one.status)}
        for one in response.purposes
    ]
    if as_json:
        answer = {"genuine": response.genuine, "in_force": response.in_force, "purposes": purposes}
        typer.echo(json.dumps(answer))
    elif not response.genuine:
        typer.echo("not genuine: not made here for this app, or changed since")
    else:
        typer.echo(f"genuine, {'' if response.in_force else 'not '}in force")
        for one in purposes:
            typer.echo(f"{one['purpose']}: now {one['status']}")
    if not response.in_force:
        raise typer.Exit(1)


@app.command()
def watch(
    app_id: AppId,
    token: Annotated[
        str,
        typer.Option("--resume", help="The `resume_token` of the last line that was handled."),
    ] = "",
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="All changes that are kept, then new ones.")
    ] = False,
) -> None:
    """Print every change of consent of an app, one JSON object a line, until interrupted."""
    request = pb.WatchConsentRequest(
        app_id=app_id, resume_token=token, from_beginning=from_beginning
    )
    with _privacy(app_id) as stub:
        for response in stub.WatchConsent(request):
            changes = [
                {"subject_id": one.subject_id, "entries": list(map(_as_dict, one.entries))}
                for one in response.changes
            ]
            typer.echo(json.dumps({"changes": changes, "resume_token": response.resume_token}))


def _choice(granted: bool) -> str:
    return "granted" if granted else "denied"


def _shown_choice(entry: pb.ConsentEntry) -> str:
    if entry.HasField("restricted"):
        return "restricted" if entry.restricted else "lifted"
    return _word(pb.ConsentStatus, entry.status) if entry.purpose else entry.age_band


def _about(entry: pb.ConsentEntry) -> str:
    if entry.HasField("restricted"):
        return "restriction"
    return entry.purpose or "age band"


def _actor(entry: pb.ConsentEntry) -> str:
    role = _word(pb.ActorRole, entry.actor_role)
    return f"{entry.actor} ({role})" if entry.actor_role else entry.actor


def _how(entry: pb.ConsentEntry) -> str:
    if entry.source in ("", entry.method):
        return entry.method
    return f"{entry.method}, {entry.source}"


def _as_dict(entry: pb.ConsentEntry) -> dict[str, object]:
    expires = entry.expires_at.ToDatetime(tzinfo=UTC) if entry.HasField("expires_at") else None
    return {
        # To the microsecond, as `set` says it: the order of answers can matter.
        "recorded_at": entry.recorded_at.ToDatetime(tzinfo=UTC).isoformat(),
        "purpose": entry.purpose,
        "granted": entry.granted,
        "status": _word(pb.ConsentStatus, entry.status) if entry.purpose else None,
        "age_band": entry.age_band or None,
        "restricted": entry.restricted if entry.HasField("restricted") else None,
        "actor": entry.actor,
        "actor_role": _word(pb.ActorRole, entry.actor_role) if entry.actor_role else None,
        "method": entry.method,
        "source": entry.source,
        "notice_version": entry.notice_version,
        "expires_at": expires.isoformat() if expires else None,
        "version": entry.version,
    }


def _word(enum: Any, number: int) -> str:
    """The value of an enum as people write it: DECISION_ALLOW is `allow`."""
    if number not in enum.values():
        return str(number)
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    return str(enum.Name(number)).removeprefix(prefix).lower()


def _role_number(role: Role | None) -> pb.ActorRole:
    return _ROLES[role] if role else pb.ACTOR_ROLE_UNSPECIFIED


def _privacy(app_id: str) -> AbstractContextManager[Any]:
    return calls_to("privacy", privacy_service_pb2_grpc.PrivacyServiceStub, app_id)

"""`weir audit`: who did what to personal data, and whether the record of it is whole."""

import json
from contextlib import AbstractContextManager
from datetime import UTC
from itertools import islice
from typing import Annotated, Any

import typer
from weir.privacy.v1 import audit_service_pb2 as pb
from weir.privacy.v1 import audit_service_pb2_grpc

from cli.exits import fail
from cli.moments import set_range, shown_moment
from cli.options import AppId, AsCsv, AsJson, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from libs.rpc.channels import pages

app = typer.Typer(
    no_args_is_help=True, help="See who did what to personal data; verify the record of it."
)

_PAGE_SIZE = 1_000
_PROBLEMS = {
    pb.CHAIN_PROBLEM_CHANGED: "entry {sequence} ({entry}) is not what was written at this place",
    pb.CHAIN_PROBLEM_MISSING: "entries are missing from {sequence} on",
    pb.CHAIN_PROBLEM_BEGINNING_MISSING: "the first entries are missing, from {sequence} on",
    pb.CHAIN_PROBLEM_END_MISSING: "the last entries are missing, from {sequence} on",
    pb.CHAIN_PROBLEM_HEAD_DIFFERS: "entry {sequence} ({entry}) is not the one of a head that is known",
    pb.CHAIN_PROBLEM_HEAD_FORGED: "the head beside the entries, {sequence}, was not written by the service",
    pb.CHAIN_PROBLEM_CHECKPOINT_FORGED: (
        "the checkpoint behind what was pruned, {sequence}, was not written by the service"
    ),
}


@app.command("list")
def list_entries(
    app_id: AppId,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="From this time on.")] = "",
    end: Annotated[
        str,
        typer.Option("--to", metavar="TIME", help="Before this time; a date is the whole day."),
    ] = "",
    actor: Annotated[str, typer.Option(help="Only of this credential.")] = "",
    action: Annotated[str, typer.Option(help="Only this action, as consent.recorded.")] = "",
    subject_id: Annotated[
        str, typer.Option("--subject", help="Only about this person, in the app's own ids.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many entries, the newest.")] = 100,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the entries of an app's audit trail, the newest first."""
    check_format(as_json=as_json, as_csv=as_csv)
    request = pb.ListEntriesRequest(
        app_id=app_id,
        actor=actor,
        action=action,
        subject_id=subject_id,
        page_size=min(limit, _PAGE_SIZE),
    )
    set_range(request, start, end)
    with _audit(app_id) as stub:
        answers = pages(stub.ListEntries, request)
        entries = list(islice((entry for page in answers for entry in page.entries), limit))
    if as_json:
        typer.echo(json.dumps([_as_dict(entry) for entry in entries], indent=2))
        return
    if not entries and not as_csv:
        typer.echo("no entries")
    else:
        print_columns(_columns(entries), as_csv=as_csv, at_least=4)


@app.command()
def verify(
    app_id: AppId,
    head: Annotated[
        str,
        typer.Option(
            help="A head that an earlier verification printed, or the service's log: it must be in the chain."
        ),
    ] = "",
    after: Annotated[
        int,
        typer.Option(
            min=0,
            help="Pass over entries up to this number, the last that is missing in a gap that is explained.",
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Work the hashes of an app's audit trail out again; exit code 1 if one was changed or is missing."""
    request = pb.VerifyChainRequest(app_id=app_id, known_head=head, after_sequence=after)
    verified = 0
    with _audit(app_id) as stub:
        for answer in pages(stub.VerifyChain, request):
            verified += answer.verified
    problem = _problem(answer)
    if as_json:
        found = {
            "verified": verified,
            "head": answer.head,
            "unchained": answer.unchained,
            "pruned_through": answer.pruned_through or None,
            "compared_with_published": answer.compared_with_published,
            "problem": problem,
            "problem_sequence": answer.problem_sequence or None,
            "problem_entry_id": answer.problem_entry_id or None,
        }
        typer.echo(json.dumps(found))
        raise typer.Exit(1 if problem else 0)
    if problem:
        fail(f"{problem}; entries before that are as they were written: {verified:,}")
    typer.echo(f"entries verified: {verified:,}; all are as they were written")
    if answer.pruned_through:
        typer.echo(f"past their limit and deleted: entries up to {answer.pruned_through}")
    if answer.unchained:
        typer.echo(f"not chained yet: {answer.unchained:,}")
    if answer.head:
        typer.echo(f"head to keep, and give as --head another time: {answer.head}")
    if not answer.compared_with_published:
        typer.echo("not compared with a published head: there is none, or Redis does not answer")


def _problem(answer: pb.VerifyChainResponse) -> str | None:
    if answer.problem == pb.CHAIN_PROBLEM_UNSPECIFIED:
        return None
    return _PROBLEMS[answer.problem].format(
        sequence=answer.problem_sequence, entry=answer.problem_entry_id
    )


def _columns(entries: list[pb.AuditEntry]) -> list[Column]:
    def column(title: str, name: str) -> Column:
        return Column(title, name, [str(getattr(entry, name)) for entry in entries])

    return [
        Column("time", "occurred_at", [_moment(entry) for entry in entries]),
        column("action", "action"),
        column("actor", "actor"),
        column("about", "subject"),
        column("outcome", "outcome"),
        column("details", "details"),
        column("purpose", "purpose"),
        column("request", "request_id"),
        column("trace", "trace_id"),
        Column("number", "sequence", [str(entry.sequence) for entry in entries], is_number=True),
        column("entry", "entry_id"),
    ]


def _moment(entry: pb.AuditEntry) -> str:
    return shown_moment(entry.occurred_at.ToDatetime(tzinfo=UTC))


def _as_dict(entry: pb.AuditEntry) -> dict[str, object]:
    return {
        "entry_id": entry.entry_id,
        "sequence": entry.sequence or None,
        "occurred_at": entry.occurred_at.ToDatetime(tzinfo=UTC).isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "purpose": entry.purpose,
        "outcome": entry.outcome,
        "request_id": entry.request_id,
        "trace_id": entry.trace_id,
        "details": json.loads(entry.details),
        "hash": entry.hash.hex(),
    }


def _audit(app_id: str) -> AbstractContextManager[Any]:
    return calls_to("privacy", audit_service_pb2_grpc.AuditServiceStub, app_id)

"""`weir dead-letters`: which events were rejected, and why; having them taken after a fix."""

import json
import time
import uuid
from datetime import UTC
from itertools import islice
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1 import dead_letter_service_pb2_grpc

from cli.moments import moment_range, shown_moment
from cli.options import AppId, AsCsv, AsJson, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from cli.wording import count
from libs.rpc.channels import pages

app = typer.Typer(
    no_args_is_help=True,
    help="See which events were rejected, and why; take them after a fix.",
)

_PAGE_SIZE = 1_000
# How often a replay is asked for.
_POLL_SECONDS = 0.5
_STATES = {
    pb.REPLAY_STATE_RUNNING: "running",
    pb.REPLAY_STATE_DONE: "done",
    pb.REPLAY_STATE_STOPPED: "stopped",
    pb.REPLAY_STATE_CANCELLED: "cancelled",
}
# What stands between the state and why it stopped, or who cancelled it.
_BEFORE_CAUSE = {pb.REPLAY_STATE_STOPPED: ": ", pb.REPLAY_STATE_CANCELLED: " by "}
_FATES = {
    "taken": "accepted",
    "under a pseudonym": "anonymized",
    "taken before": "duplicate",
    "no consent": "dropped",
    "sampled out": "sampled",
    "rejected again": "rejected",
    "too little left": "not_replayable",
    "erased": "erased",
    "failed": "failed",
}
_STUB = dead_letter_service_pb2_grpc.DeadLetterServiceStub
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", help="Only with this reason, as PROPERTIES_INVALID; may be repeated."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", help="Only with this field at fault, as properties.score; may be repeated."
    ),
]
Names = Annotated[
    list[str] | None, typer.Option("--name", help="Only of events of this name; may be repeated.")
]
Stage = Annotated[str, typer.Option(help="Only of this service: ingest or enrich.")]
Start = Annotated[
    str, typer.Option("--from", metavar="TIME", help="Only received from this time on.")
]
End = Annotated[
    str,
    typer.Option(
        "--to", metavar="TIME", help="Only received before this time; a date is the whole day."
    ),
]


@app.callback()
def main() -> None:
    """See which events were rejected, and why; take them after a fix."""


@app.command("list")
def list_letters(
    app_id: AppId,
    reasons: Reasons = None,
    fields: Fields = None,
    names: Names = None,
    stage: Stage = "",
    start: Start = "",
    end: End = "",
    show_events: Annotated[
        bool,
        typer.Option(
            "--events",
            help="Show what they hold of the events, with --json; the audit trail has it.",
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="So many letters, the newest.")] = 20,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the dead letters of an app, the newest first, and how many there are by reason and field."""
    check_format(as_json=as_json, as_csv=as_csv)
    request = pb.ListDeadLettersRequest(
        app_id=app_id,
        filter=letter_filter(reasons, fields, names, stage, start, end),
        show_events=show_events,
        page_size=min(limit, _PAGE_SIZE),
    )
    letters: list[pb.DeadLetter] = []
    counts: list[pb.DeadLetterCount] = []
    with calls_to("ingest", _STUB, app_id) as calls:
        for page in pages(calls.ListDeadLetters, request):
            counts.extend(page.counts)
            letters.extend(islice(page.dead_letters, limit - len(letters)))
            if len(letters) >= limit:
                break
    if as_json:
        found = {"counts": _plain(counts), "dead_letters": _plain(letters)}
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if as_csv:
        print_columns(_letter_columns(letters), as_csv=True, at_least=4)
        return
    if not counts:
        typer.echo("no dead letters")
        return
    print_columns(_count_columns(counts), as_csv=False, at_least=3)
    typer.echo("")
    print_columns(_letter_columns(letters), as_csv=False, at_least=4)
    if (total := sum(each.letters for each in counts)) > len(letters):
        typer.echo(
            f"these are {len(letters):,} of {count(total, 'dead letter')}: see --limit", err=True
        )


@app.command()
def replay(
    app_id: AppId,
    reasons: Reasons = None,
    fields: Fields = None,
    names: Names = None,
    stage: Stage = "",
    start: Start = "",
    end: End = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would become of them; change nothing.")
    ] = False,
    rate: Annotated[
        int, typer.Option(min=1, max=10_000, help="So many events a second at most.")
    ] = 200,
    max_rejected: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Stop if more than this share is rejected again; 1 for never."
        ),
    ] = 0.5,
    request_id: Annotated[
        str,
        typer.Option(
            "--request", metavar="UUID", help="See how far this replay is, with the same options."
        ),
    ] = "",
    wait: Annotated[bool, typer.Option(help="Wait until it has ended.")] = True,
    as_json: AsJson = False,
) -> None:
    """Have the events of dead letters taken again, by the catalog and the consent of now; exit code 1 if the
    replay stops, or is cancelled.

    Each event is stored once, however often it is replayed. What is rejected again keeps its letter. A
    replay goes on by itself if services are killed or this command is interrupted.
    """
    request = pb.ReplayDeadLettersRequest(
        app_id=app_id,
        request_id=request_id or str(uuid.uuid4()),
        filter=letter_filter(reasons, fields, names, stage, start, end),
        dry_run=dry_run,
        events_per_second=rate,
        max_rejected_share=max_rejected,
    )
    with calls_to("ingest", _STUB, app_id) as calls:
        found = calls.ReplayDeadLetters(request).replay
        if wait and found.state == pb.REPLAY_STATE_RUNNING:
            # Needed to go on after Ctrl-C.
            typer.echo(f"replay {found.request_id} is under way", err=True)
        while wait and found.state == pb.REPLAY_STATE_RUNNING:
            time.sleep(_POLL_SECONDS)
            found = calls.ReplayDeadLetters(request).replay
    _show_replay(found, as_json=as_json)
    if found.state in (pb.REPLAY_STATE_STOPPED, pb.REPLAY_STATE_CANCELLED):
        raise typer.Exit(1)


@app.command()
def cancel(
    app_id: AppId,
    request_id: Annotated[
        str, typer.Option("--request", metavar="UUID", help="The id that `replay` printed.")
    ],
    as_json: AsJson = False,
) -> None:
    """End a replay before its end; what it has looked at stays done."""
    request = pb.CancelReplayRequest(app_id=app_id, request_id=request_id)
    with calls_to("ingest", _STUB, app_id) as calls:
        _show_replay(calls.CancelReplay(request).replay, as_json=as_json)


def _show_replay(found: pb.DeadLetterReplay, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_plain([found])[0], indent=2))
    else:
        _print_replay(found)


def _print_replay(found: pb.DeadLetterReplay) -> None:
    if found.reasons:
        columns = [Column("reason", "reason", [each.reason for each in found.reasons])]
        for title, field in _FATES.items():
            numbers = [getattr(each, field) for each in found.reasons]
            if any(numbers):
                shown = [f"{number:,}" for number in numbers]
                columns.append(Column(title, field, shown, is_number=True))
        print_columns(columns, as_csv=False, at_least=len(columns))
    for reason, number in sorted(found.rejected_now.items()):
        typer.echo(f"rejected again: {number:,} with {reason}")
    said = _BEFORE_CAUSE.get(found.state, "") + found.stopped_because
    tried = " (dry run: nothing was changed)" if found.dry_run else ""
    typer.echo(f"replay {found.request_id}: {_STATES[found.state]}{said}{tried}")


def letter_filter(
    reasons: list[str] | None,
    fields: list[str] | None,
    names: list[str] | None,
    stage: str,
    start: str,
    end: str,
) -> pb.DeadLetterFilter:
    """The filter that the options say. Ends the command, as wrong usage, if they say no range of time."""
    found = pb.DeadLetterFilter(reasons=reasons, fields=fields, names=names, stage=stage)
    for field, moment in moment_range(start, end).items():
        getattr(found, f"received_{field}").FromDatetime(moment.replace(tzinfo=None))
    return found


def _plain(messages: list[Any]) -> list[dict[str, Any]]:
    return [json_format.MessageToDict(each, preserving_proto_field_name=True) for each in messages]


def _count_columns(counts: list[pb.DeadLetterCount]) -> list[Column]:
    return [
        Column("reason", "reason", [each.reason for each in counts]),
        Column("field", "field", [each.field for each in counts]),
        Column("letters", "letters", [f"{each.letters:,}" for each in counts], is_number=True),
    ]


def _letter_columns(letters: list[pb.DeadLetter]) -> list[Column]:
    """In a table, time and reason take lines of their own, so that all but the letter's id fits into 80
    characters."""

    def column(title: str, name: str, **options: Any) -> Column:
        return Column(title, name, [str(getattr(each, name)) for each in letters], **options)

    received = [shown_moment(each.received_at.ToDatetime(tzinfo=UTC)) for each in letters]
    return [
        Column(
            "received",
            "received_at",
            [each.replace("T", "\n") for each in received],
            in_csv=received,
        ),
        column("event", "name"),
        Column(
            "what is wrong",
            "reason",
            [_wrong(each) for each in letters],
            in_csv=[each.reason for each in letters],
        ),
        column("field", "field", only_in_csv=True),
        column("message", "message", only_in_csv=True),
        Column(
            "replay",
            "can_be_replayed",
            ["yes" if each.can_be_replayed else "no" for each in letters],
            in_csv=["can be" if each.can_be_replayed else "cannot be" for each in letters],
        ),
        column("at", "stage"),
        column("letter", "dead_letter_id", is_id=True),
    ]


def _wrong(letter: pb.DeadLetter) -> str:
    """The reason, and behind it, in the next line, the field at fault and what is wrong with it."""
    why = ": ".join(filter(None, (letter.field, letter.message)))
    return "\n".join(filter(None, (letter.reason, why)))

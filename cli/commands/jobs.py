"""`weir jobs`: which jobs there are, what became of their runs, and a run right now."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf import json_format
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc

from cli.exits import fail
from cli.job_journal import Journal, open_journal
from cli.moments import moment_of, set_range, shown_moment
from cli.number_tables import shown
from cli.options import AppId, AsCsv, AsJson, check_format
from cli.suite_channel import calls_to
from cli.tables import Column, print_columns
from cli.verifying import exit_as_verified, summary_of
from cli.wording import count
from libs.jobs.runs import JournalEntry, RegisteredJob
from libs.jobs.schedule import Schedule

app = typer.Typer(no_args_is_help=True, help="See scheduled jobs and their runs; run one now.")

Answer = TypeVar("Answer")
JobName = Annotated[str, typer.Argument(metavar="JOB", help="As `weir jobs list` shows it.")]
# How often the journal is asked whether a run has ended.
_POLL_SECONDS = 0.5
_ENDED_WELL = "succeeded"


@app.command("list")
def list_jobs(as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """All jobs of the services: when they are due next, and what became of the newest run."""
    check_format(as_json=as_json, as_csv=as_csv)
    jobs = _ask(lambda journal: journal.jobs())
    now = datetime.now(UTC)
    if as_json:
        _print_json([_plain(job, now) for job in jobs])
        return
    newest = [job.newest for job in jobs]
    columns = [
        Column("job", "job", [job.name for job in jobs]),
        Column("schedule (UTC)", "schedule", [job.schedule for job in jobs], is_number=True),
        Column("next", "next", [shown_moment(_next(job, now)) for job in jobs], is_number=True),
        Column("newest run", "outcome", [run.outcome if run else "" for run in newest]),
        Column(
            "ended",
            "finished_at",
            [shown_moment(run.finished_at if run else None) for run in newest],
        ),
        Column("counts", "counts", [_counts(run) for run in newest]),
        Column("what it does", "description", [job.description for job in jobs]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=4)


@app.command("runs")
def list_runs(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Of this job alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 20,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The newest runs, the newest first."""
    check_format(as_json=as_json, as_csv=as_csv)
    runs = _ask(lambda journal: journal.runs(job, limit))
    if as_json:
        _print_json([asdict(run) for run in runs])
        return
    columns = [
        Column("job", "job", [run.job for run in runs]),
        Column("due", "due_at", [shown_moment(run.due_at) for run in runs], is_number=True),
        Column("outcome", "outcome", [run.outcome for run in runs]),
        Column(
            "started", "started_at", [shown_moment(run.started_at) for run in runs], is_number=True
        ),
        Column("took", "seconds", [_took(run) for run in runs], is_number=True),
        Column("counts", "counts", [_counts(run) for run in runs]),
        Column("error", "error", [_error(run) for run in runs]),
        Column("why", "trigger", [run.trigger for run in runs]),
        Column("runner", "runner", [run.runner for run in runs]),
    ]
    print_columns(columns, as_csv=as_csv, at_least=3)


@app.command("run")
def run_job(
    job: JobName,
    due: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="The due time to run it for, ISO 8601, UTC if it names no zone. Default: the newest.",
        ),
    ] = "",
    wait: Annotated[bool, typer.Option(help="Wait until it has ended.")] = True,
    as_json: AsJson = False,
) -> None:
    """Have a job run now, by a replica of its service; exit code 1 if it does not succeed."""
    due_at = moment_of("--due", due) if due else None

    async def asked(journal: Journal) -> JournalEntry | None:
        known = {found.name: found for found in await journal.jobs()}
        if job not in known:
            fail(f"no job `{job}`; there are {', '.join(known) or 'none yet'}", code=2)
        newest = Schedule(known[job].schedule).newest_at(datetime.now(UTC))
        run_id = await journal.request(job, due_at or newest)
        if run_id is None:
            return None
        return await (_ended(journal, run_id) if wait else journal.run(run_id))

    run = _ask(asked)
    if run is None:
        fail(f"`{job}` is not there any more")
    if as_json:
        _print_json(asdict(run))
    else:
        details = " ".join(filter(None, (_counts(run), _error(run))))
        typer.echo(f"{run.job} for {shown_moment(run.due_at)}: {run.outcome} {details}".rstrip())
    if wait and run.outcome != _ENDED_WELL:
        raise typer.Exit(1)


async def _ended(journal: Journal, run_id: uuid.UUID) -> JournalEntry | None:
    while True:
        run = await journal.run(run_id)
        if run is None or run.finished_at is not None:
            return run
        await asyncio.sleep(_POLL_SECONDS)


@app.command("verify")
def verify(
    app_id: AppId,
    job: Annotated[
        list[str] | None, typer.Option(help="Only this job of the catalog; may be repeated.")
    ] = None,
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Results of periods that end after it.")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Results of periods that begin before it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Work stored results out again, and print what differs; `weir rollup verify` does so for rollups.

    Exit code 1 if results differ, 3 if some are out of date.

    The last line says how many results were compared and how many differ.
    """
    request = pb.VerifyJobResultsRequest(app_id=app_id, jobs=job or ())
    set_range(request, start, end)
    with calls_to("aggregate", job_service_pb2_grpc.JobServiceStub, app_id) as stub:
        responses = stub.VerifyJobResults(request, endless=True)
        summary = summary_of(responses, partial(_print_difference, as_json=as_json))
    if as_json:
        _print_json(
            {field.name: getattr(summary, field.name) for field in summary.DESCRIPTOR.fields}
        )
    else:
        _print_summary(summary)
    exit_as_verified(different=summary.results_different, unsettled=summary.results_outdated)


def _print_difference(found: pb.ResultDifference, *, as_json: bool) -> None:
    plain = json_format.MessageToDict(found, preserving_proto_field_name=True)
    if as_json:
        _print_json(plain)
        return
    sides = [
        shown(getattr(found, side)) if found.HasField(side) else "nothing"
        for side in ("stored", "computed")
    ]
    typer.echo(
        f"{plain['period_start']}  {found.job}  {found.rollup or '-'}"
        f"  {json.dumps(plain.get('dimensions', {}), sort_keys=True)}"
        f"  {found.metric}: stored {sides[0]}, computed {sides[1]}"
    )


def _print_summary(summary: pb.ResultsSummary) -> None:
    if summary.results_sealed:
        typer.echo(
            f"{count(summary.results_sealed, 'result')} left out: what made them may have expired"
        )
    if summary.results_outdated:
        typer.echo(
            f"{count(summary.results_outdated, 'result')} out of date until the job runs again"
        )
    compared = count(summary.results_compared, "result")
    typer.echo(f"{compared} compared, {summary.results_different:,} differ")


def _ask(question: Callable[[Journal], Awaitable[Answer]]) -> Answer:
    """The answer of the journal; ends the command if it cannot be read."""

    async def ask() -> Answer:
        async with open_journal() as journal:
            return await question(journal)

    return asyncio.run(ask())


def _plain(job: RegisteredJob, now: datetime) -> dict[str, Any]:
    return {**asdict(job), "next": _next(job, now)}


def _next(job: RegisteredJob, now: datetime) -> datetime:
    return Schedule(job.schedule).next_after(now)


def _took(run: JournalEntry) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} s"


def _counts(run: JournalEntry | None) -> str:
    return " ".join(f"{name}={count}" for name, count in sorted(run.counts.items())) if run else ""


def _error(run: JournalEntry) -> str:
    return ": ".join(filter(None, (run.error_type, run.error_message)))


def _print_json(value: Sequence[Any] | dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2, default=_as_text))


def _as_text(value: object) -> str:
    return shown_moment(value) if isinstance(value, datetime) else str(value)

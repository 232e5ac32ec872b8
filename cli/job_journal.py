"""The two ways to the journal of jobs: JobService of the running suite, and the database itself."""

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from google.protobuf.timestamp_pb2 import Timestamp
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc

from cli.exits import fail
from cli.suite_channel import calls_to
from libs.common.clock import SystemClock
from libs.common.errors import WeirError
from libs.jobs.journal_view import JournalView
from libs.jobs.ports import JournalUnavailable
from libs.jobs.runs import JournalEntry, RegisteredJob
from libs.rpc.channels import pages
from libs.stores.postgres import create_engine
from suite.store_urls import without_secrets

_MAX_PAGE_SIZE = 1_000


class Journal(Protocol):
    """What the commands ask: see `libs.jobs.journal_view.JournalView`, which is one."""

    async def jobs(self) -> Sequence[RegisteredJob]:
        """All jobs."""
        ...

    async def runs(self, job: str | None, limit: int) -> Sequence[JournalEntry]:
        """The newest runs."""
        ...

    async def run(self, run_id: uuid.UUID) -> JournalEntry | None:
        """One run."""
        ...

    async def request(self, job: str, due_at: datetime) -> uuid.UUID | None:
        """Asks for a run."""
        ...


@asynccontextmanager
async def open_journal() -> AsyncIterator[Journal]:
    """The journal in the database of WEIR_DATABASE_URL if that is set: it can be read without a suite, and
    while aggregate is down. Else as JobService of the running suite has it. Ends the command if it cannot be
    read."""
    url = os.environ.get("WEIR_DATABASE_URL")
    if not url:
        with calls_to("aggregate", job_service_pb2_grpc.JobServiceStub, "") as calls:
            yield ServedJournal(calls)
        return
    engine = create_engine(url, service="command")
    try:
        yield JournalView(engine, SystemClock())
    except JournalUnavailable as error:
        cause = error.__cause__
        fail(without_secrets(url, cause if isinstance(cause, Exception) else error))
    except WeirError as error:
        fail(f"{error.field}: {error.message}" if error.field else error.message)
    finally:
        await engine.dispose()


class ServedJournal:
    """The journal as JobService has it; `calls` are its RPCs. Each call blocks the event loop."""

    def __init__(self, calls: Any) -> None:
        self._calls = calls

    async def jobs(self) -> Sequence[RegisteredJob]:
        """All jobs, by name, each with its newest run."""
        request = pb.ListJobsRequest(page_size=_MAX_PAGE_SIZE)
        return [_job(job) for page in pages(self._calls.ListJobs, request) for job in page.jobs]

    async def runs(self, job: str | None, limit: int) -> Sequence[JournalEntry]:
        """The newest runs, of one job or of all, the newest first."""
        request = pb.ListJobRunsRequest(job=job or "", page_size=min(limit, _MAX_PAGE_SIZE))
        found: list[JournalEntry] = []
        for page in pages(self._calls.ListJobRuns, request):
            found += map(_run, page.runs)
            if len(found) >= limit:
                break
        return found[:limit]

    async def run(self, run_id: uuid.UUID) -> JournalEntry | None:
        """One run."""
        answer = self._calls.ListJobRuns(pb.ListJobRunsRequest(run_id=str(run_id)))
        return _run(answer.runs[0]) if answer.runs else None

    async def request(self, job: str, due_at: datetime) -> uuid.UUID | None:
        """Asks for a run."""
        request = pb.RunJobRequest(job=job)
        request.due_at.FromDatetime(due_at)
        return uuid.UUID(self._calls.RunJob(request).run_id)


def _job(job: pb.Job) -> RegisteredJob:
    return RegisteredJob(
        job.name,
        job.description,
        job.schedule,
        _word(pb.CatchUp.Name(job.catch_up), "CATCH_UP_"),
        _run(job.newest_run) if job.HasField("newest_run") else None,
    )


def _run(run: pb.JobRun) -> JournalEntry:
    return JournalEntry(
        uuid.UUID(run.run_id),
        run.job,
        _word(pb.JobTrigger.Name(run.trigger), "JOB_TRIGGER_"),
        _moment(run.due_at),
        _moment(run.started_at) if run.HasField("started_at") else None,
        _moment(run.finished_at) if run.HasField("finished_at") else None,
        _word(pb.JobOutcome.Name(run.outcome), "JOB_OUTCOME_"),
        dict(run.counts),
        run.error_type,
        run.error_message,
        run.runner,
    )


def _moment(time: Timestamp) -> datetime:
    return time.ToDatetime(tzinfo=UTC)


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()

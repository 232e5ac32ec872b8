"""ListJobs, RunJob, ListJobRuns: the journal of all services' jobs."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from weir.aggregate.v1 import job_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import Unavailable
from libs.jobs.job import app_of
from libs.jobs.journal_view import JournalView
from libs.jobs.ports import JournalUnavailable
from libs.jobs.schedule import Schedule
from libs.rpc.page_tokens import PageTokens, page_size
from services.aggregate.convert import utc_field
from services.aggregate.journal.convert import (
    DEFAULT_PAGE_SIZE,
    MAX_PAGE_SIZE,
    SERVICE_NAME,
    job_message,
    job_name,
    job_unknown,
    run_id,
    run_message,
)


class JournalCalls:
    """Answers for `weir.aggregate.v1.JobService`. `reading` and `writing` are the same journal over
    connections of their own, so that callers who read never keep the runner of jobs from its leases."""

    def __init__(
        self, catalogs: Catalogs, reading: JournalView, writing: JournalView, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._reading = reading
        self._writing = writing
        self._clock = clock
        self._job_pages = PageTokens(f"/{SERVICE_NAME}/ListJobs", clock)
        self._run_pages = PageTokens(f"/{SERVICE_NAME}/ListJobRuns", clock)

    async def jobs(self, request: pb.ListJobsRequest) -> pb.ListJobsResponse:
        """One page of jobs. Raises AppUnknown, InvalidArgument, Unavailable."""
        self._check_app(request.app_id)
        size = _page_size(request)
        after = self._job_pages.read(request, str) or ""
        with _journal():
            found = await self._reading.jobs(request.app_id, after, size + 1)
        now = moment_of(self._clock.now_us())
        token = self._job_pages.issue(request, [found[size - 1].name]) if len(found) > size else ""
        return pb.ListJobsResponse(
            jobs=[job_message(job, now) for job in found[:size]], next_page_token=token
        )

    async def run(self, request: pb.RunJobRequest) -> pb.RunJobResponse:
        """Asks for a run. Raises AppUnknown, NotFound, InvalidArgument, LimitExceeded, Unavailable."""
        self._check_app(request.app_id)
        name = job_name(request)
        due_at = utc_field(request, "due_at")
        with _journal():
            job = await self._reading.job(name)
            if job is None:
                raise job_unknown(name)
            if due_at is None:
                due_at = Schedule(job.schedule).newest_at(moment_of(self._clock.now_us()))
            asked = await self._writing.request(name, due_at)
        if asked is None:
            raise job_unknown(name)
        return pb.RunJobResponse(run_id=str(asked))

    async def runs(self, request: pb.ListJobRunsRequest) -> pb.ListJobRunsResponse:
        """One page of the journal. Raises AppUnknown, NotFound, InvalidArgument, Unavailable."""
        self._check_app(request.app_id)
        size = _page_size(request)
        name = job_name(request) if request.job else None
        before = self._run_pages.read(request, uuid.UUID)
        with _journal():
            if request.run_id:
                one = await self._reading.run(run_id(request.run_id))
                found = [one] if one and _is_wanted(one.job, name, request.app_id) else []
            else:
                found = list(await self._reading.runs(name, size + 1, request.app_id, before))
        more = len(found) > size
        token = self._run_pages.issue(request, [str(found[size - 1].run_id)]) if more else ""
        return pb.ListJobRunsResponse(
            runs=[run_message(run) for run in found[:size]], next_page_token=token
        )

    def _check_app(self, app_id: str) -> None:
        if app_id:
            catalog_of(self._catalogs.current, app_id)


def _is_wanted(job: str, name: str | None, app_id: str) -> bool:
    return (name is None or job == name) and (not app_id or app_of(job) == app_id)


def _page_size(request: pb.ListJobsRequest | pb.ListJobRunsRequest) -> int:
    return page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)


@contextmanager
def _journal() -> Iterator[None]:
    try:
        yield
    except JournalUnavailable:
        raise Unavailable("the journal of jobs does not answer", retry_after_seconds=1.0) from None

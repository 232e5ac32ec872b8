"""Runs the jobs of one service: finds what is due, holds its lease, and writes down how it ended."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from libs.common.clock import Clock, moment_of
from libs.jobs import metrics
from libs.jobs.due import next_due
from libs.jobs.job import Job, JobContext, JobError
from libs.jobs.ports import Journal, JournalRejected, JournalUnavailable
from libs.jobs.runs import Progress, Result, Run, RunState
from libs.runtime.loops import repeat

log = structlog.get_logger()
_MAX_COUNT = 2**63 - 1


@dataclass(frozen=True)
class Timing:
    """How often the journal is looked at, and how long a silent runner keeps its run."""

    poll_seconds: float = 5.0
    lease_seconds: float = 60.0
    renew_seconds: float = 15.0


class JobRunner:
    """One replica's part in running the jobs of its service, each in a task of its own.

    A run ends in the journal in every case: succeeded, failed, stopped together with the service, or, if
    this runner dies, loses Postgres for longer than a lease, or is stopped while Postgres is away, abandoned,
    which another replica writes down.
    In the last case the work may go on here for moments while it begins there, so it must be safe to repeat.

    `jobs` says which jobs there are now; it is asked each time that the journal is looked at, so jobs may
    come, change and go. A run that is under way when its job goes is finished.
    """

    def __init__(
        self,
        service: str,
        jobs: Callable[[], Sequence[Job]],
        journal: Journal,
        clock: Clock,
        timing: Timing = Timing(),
        requested: asyncio.Event | None = None,
    ) -> None:
        """`requested` is set where this process has asked for a run, which then need not wait for the next
        look. Raises ValueError for two jobs of one name, and for a job of another service."""
        self._service = service
        self._jobs = jobs
        self._current()
        self._journal = journal
        self._clock = clock
        self._timing = timing
        self._requested = requested or asyncio.Event()
        self._lease = timedelta(seconds=timing.lease_seconds)
        # As the journal has them: what is declared of each job, by its name.
        self._registered: Mapping[str, tuple[str, ...]] | None = None
        self._running: set[str] = set()
        # Jobs with a request at the last look: when their run ends, the next look follows at once.
        self._awaited: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs what is due until `stop` is set, and then stops what is running."""
        async with asyncio.TaskGroup() as tasks:
            await repeat(
                partial(self._look, tasks, stop),
                self._timing.poll_seconds,
                stop,
                transient=(JournalUnavailable, JournalRejected),
                warning="jobs wait for their journal",
                early=self._requested,
            )

    async def _look(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Begins what is due and not running anywhere."""
        jobs = self._current()
        await self._register(jobs)
        names = list(jobs)
        for name in await self._journal.abandon_expired(self._service):
            log.error("a run was abandoned", job=name)
            metrics.RUNS.labels(name, RunState.ABANDONED.value).inc()
        now = self._now()
        found = await self._journal.progress(names, now)
        for name, job in jobs.items():
            progress = found.get(name, Progress())
            last = progress.last_success_at
            metrics.LAST_SUCCESS.labels(name).set(last.timestamp() if last else 0)
            if progress.is_requested:
                self._awaited.add(name)
            if name not in self._running and (run := await self._claim(job, progress, now)):
                self._running.add(name)
                task = tasks.create_task(self._execute(job, run, stop))
                task.add_done_callback(partial(self._forget, name))

    def _current(self) -> Mapping[str, Job]:
        found = self._jobs()
        jobs = {job.name: job for job in found}
        if len(jobs) < len(found) or any(job.service != self._service for job in found):
            raise ValueError(
                f"jobs of {self._service} have names of their own, as {self._service}.name"
            )
        return jobs

    async def _register(self, jobs: Mapping[str, Job]) -> None:
        """Writes the jobs down if the journal does not have them so."""
        declared = {
            name: (job.description, job.schedule.expression, job.catch_up.value)
            for name, job in jobs.items()
        }
        if declared == self._registered:
            return
        await self._journal.register(self._service, list(jobs.values()))
        for name in (self._registered or {}).keys() - declared.keys():
            # Its time of the last success would be older and older. It may not have been set yet.
            with suppress(KeyError):
                metrics.LAST_SUCCESS.remove(name)
        self._registered = declared

    def _forget(self, name: str, _: "asyncio.Task[None]") -> None:
        self._running.discard(name)
        if name in self._awaited:
            self._awaited.remove(name)
            self._requested.set()

    async def _claim(self, job: Job, progress: Progress, now: datetime) -> Run | None:
        """Requested and due runs take turns, so that neither keeps the other from running."""
        if progress.is_running:
            return None
        if progress.was_requested:
            return await self._claim_due(job, progress, now) or await self._claim_requested(
                job, progress
            )
        return await self._claim_requested(job, progress) or await self._claim_due(
            job, progress, now
        )

    async def _claim_requested(self, job: Job, progress: Progress) -> Run | None:
        if not progress.is_requested:
            return None
        return await self._journal.claim_requested(job.name, self._lease)

    async def _claim_due(self, job: Job, progress: Progress, now: datetime) -> Run | None:
        due_at = next_due(job, progress, now)
        if due_at is None:
            return None
        attempt = progress.attempts + 1 if due_at == progress.due_at else 1
        return await self._journal.claim_due(job.name, due_at, attempt, self._lease)

    async def _execute(self, job: Job, run: Run, stop: asyncio.Event) -> None:
        log.info("a job starts", job=job.name, due_at=run.due_at.isoformat())
        work = asyncio.create_task(_counts_of(job, run))
        lease = asyncio.create_task(self._hold_lease(run))
        stopped = asyncio.create_task(stop.wait())
        try:
            with metrics.SECONDS.labels(job.name).time():
                await asyncio.wait({work, lease, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    work.cancel()
                    await asyncio.wait({work})
            if lease.done():
                log.error("a job lost its lease and was cancelled", job=job.name)
                return
            result = _result_of(work, stopped=stop.is_set())
            if written := await self._finish(run, result, lease, stopped):
                metrics.RUNS.labels(job.name, written.outcome.value).inc()
                _report(job, run, written)
        finally:
            for task in (work, lease, stopped):
                task.cancel()
            await asyncio.gather(work, lease, stopped, return_exceptions=True)

    async def _finish(
        self,
        run: Run,
        result: Result,
        lease: "asyncio.Task[None]",
        stopped: "asyncio.Task[bool]",
    ) -> Result | None:
        """Writes the end of a run down, however often the journal fails, for as long as the lease holds and
        the service is not stopped; then another replica finds the run abandoned. What was written, if it was.
        """
        while not lease.done():
            try:
                return result if await self._journal.finish(run.run_id, result) else None
            except JournalRejected as error:
                bare = Result(RunState.FAILED, {}, result.error_type or type(error).__name__)
                if result == bare:
                    log.error("the end of a run cannot be journaled", job=run.job)
                    return None
                result = bare
            except JournalUnavailable:
                if stopped.done():
                    log.warning("a run ends without a journal", job=run.job)
                    return None
                await asyncio.wait(
                    {lease, stopped},
                    timeout=self._timing.poll_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        return None

    async def _hold_lease(self, run: Run) -> None:
        """Renews the lease; returns when it is lost, or may be before the next renewal arrives."""
        clock = asyncio.get_running_loop()
        held_until = clock.time() + self._timing.lease_seconds
        while True:
            asked_at = clock.time() + self._timing.renew_seconds
            try:
                async with asyncio.timeout_at(held_until):
                    await asyncio.sleep(self._timing.renew_seconds)
                    if not await self._journal.renew(run.run_id, self._lease):
                        return
            except TimeoutError:
                return
            except JournalUnavailable:
                continue
            held_until = asked_at + self._timing.lease_seconds

    def _now(self) -> datetime:
        return moment_of(self._clock.now_us())


async def _counts_of(job: Job, run: Run) -> Mapping[str, int]:
    return await job.run(JobContext(run.due_at))


def _result_of(work: "asyncio.Task[Mapping[str, int]]", *, stopped: bool) -> Result:
    if work.cancelled():
        # A job that cancels itself must not begin again and again.
        outcome = RunState.STOPPED if stopped else RunState.FAILED
        return Result(outcome, {}, "" if stopped else "CancelledError")
    error = work.exception()
    if error is None and (reason := _reason_against(work.result())):
        error = JobError(reason)
    if error is None:
        return Result(RunState.SUCCEEDED, dict(work.result()))
    # Messages of other errors may quote rows, and with them people.
    message = _storable(str(error)) if isinstance(error, JobError) else ""
    return Result(RunState.FAILED, {}, type(error).__name__, message)


def _reason_against(counts: object) -> str:
    """Why the journal cannot hold what a job returned; empty if it can."""
    if not isinstance(counts, Mapping):
        return f"the job returned {type(counts).__name__}, not numbers by name"
    for name, count in counts.items():
        if not isinstance(name, str) or not name.isidentifier():
            return "the job returned a count whose name is not an identifier"
        if type(count) is not int:
            return f"the job returned the count {name} as {type(count).__name__}, not int"
        if abs(count) > _MAX_COUNT:
            return f"the job returned a count {name} of more than 64 bits"
    return ""


def _storable(message: str) -> str:
    """Without what Postgres cannot hold in a text: U+0000 and halves of surrogate pairs."""
    return message.replace("\0", "").encode(errors="replace").decode()


def _report(job: Job, run: Run, result: Result) -> None:
    about = {"job": job.name, "due_at": run.due_at.isoformat(), "counts": result.counts}
    if result.outcome is RunState.FAILED:
        log.error("a job failed", **about, error=result.error_type, reason=result.error_message)
    else:
        log.info("a job ended", **about, outcome=result.outcome.value)

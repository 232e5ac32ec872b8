"""The jobs of the catalogs in use, as the runner of jobs wants them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from libs.catalog import Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from libs.jobs.job import CatchUp, Job, JobContext, JobError
from libs.jobs.schedule import Schedule
from services.aggregate.expiry.kept import kept_from
from services.aggregate.results.model import (
    ResultJob,
    ResultPeriod,
    Unsettled,
    Written,
    ended_before,
    result_jobs,
)
from services.aggregate.rollups.completeness import final_until

SERVICE = "aggregate"
# A run looks so far back for results that are out of date.
REWRITTEN_WITHIN = timedelta(days=35)


class Results(Protocol):
    """Where results are written."""

    async def write(
        self,
        job: ResultJob,
        period: ResultPeriod,
        *,
        watermark: datetime | None,
        is_final: bool,
    ) -> Written:
        """Replaces the result of a period by the cells that there are now. It is not final, whatever
        `is_final` says, if anything that it is made of is about to be recounted."""
        ...

    async def changed(
        self, job: ResultJob, since: datetime, until: datetime
    ) -> Sequence[ResultPeriod]:
        """The periods from `since` to `until` whose results are made of what has changed since."""
        ...

    async def settling(
        self, final_until: Mapping[tuple[str, str], datetime]
    ) -> Sequence[Unsettled]:
        """Some of the provisional results of periods that are final now: by app and job, until when they
        are."""
        ...


class ResultJobs:
    """Makes a job of each job of each catalog in use, and one that writes provisional results again once they
    are final. `watermark` says up to when everything is counted, None if that is not known."""

    def __init__(
        self,
        catalogs: Catalogs,
        results: Results,
        clock: Clock,
        watermark: Callable[[], datetime | None],
    ) -> None:
        self._catalogs = catalogs
        self._results = results
        self._clock = clock
        self._watermark = watermark

    def current(self) -> Sequence[Job]:
        """The jobs that there are now."""
        of_catalogs = [
            Job(
                f"{SERVICE}.{job.app_id}.{job.name}",
                job.description,
                schedule,
                partial(self._store, job),
                CatchUp.EACH if job.makes_up_for_each else CatchUp.NEWEST,
            )
            for job, schedule in self._scheduled()
        ]
        settle = Job(
            f"{SERVICE}.settle_results",
            "Writes results again that were provisional and are final now.",
            Schedule("*/5 * * * *"),
            self._settle,
        )
        return [*of_catalogs, settle]

    def _scheduled(self) -> Iterator[tuple[ResultJob, Schedule]]:
        snapshot = self._catalogs.current
        for app_id in snapshot.catalogs:
            yield from snapshot.derived(app_id, _schedules)

    async def _store(self, job: ResultJob, context: JobContext) -> Mapping[str, int]:
        period = ended_before(job.every, context.due_at)
        kept = self._kept_from(job)
        if kept is not None and period.start < kept:
            raise JobError(f"cells of before {kept:%Y-%m-%dT%H:%MZ} are not kept any more")
        written = await self._write(job, period)
        since = context.due_at - REWRITTEN_WITHIN
        if kept is not None:
            since = max(since, kept)
        changed = await self._results.changed(job, since, period.end)
        for other in changed:
            await self._write(job, other)
        return {
            "cells": written.cells,
            "final": int(written.is_final),
            "rewritten": len(changed),
        }

    def _kept_from(self, job: ResultJob) -> datetime | None:
        """From when on all cells are kept that the job stores."""
        days = job.inputs.shortest_days
        return kept_from(job.every, days, moment_of(self._clock.now_us()))

    async def _settle(self, _: JobContext) -> Mapping[str, int]:
        watermark = self._watermark()
        jobs = {(job.app_id, job.name): job for job, _ in self._scheduled()}
        final = {
            key: until
            for key, job in jobs.items()
            if (until := final_until(watermark, job.lateness).moment) is not None
        }
        settled = 0
        for found in await self._results.settling(final):
            await self._write(jobs[found.app_id, found.job], found.period)
            settled += 1
        return {"settled": settled}

    async def _write(self, job: ResultJob, period: ResultPeriod) -> Written:
        # Before the cells are read: what it promises is in them.
        watermark = self._watermark()
        is_final = final_until(watermark, job.lateness).covers(period.end)
        return await self._results.write(job, period, watermark=watermark, is_final=is_final)


def _schedules(catalog: Catalog) -> Sequence[tuple[ResultJob, Schedule]]:
    return [(job, Schedule(job.cron)) for job in result_jobs(catalog)]

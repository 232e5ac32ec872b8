"""The job that deletes numbers that are no longer kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from libs.catalog import Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, midnight
from services.aggregate.counting.definitions import RollupKey
from services.aggregate.expiry.kept import kept_from
from services.aggregate.results.model import result_jobs, results_kept_from

# A replica whose clock is behind may be counting into a bucket that has expired here.
_MARGIN = timedelta(hours=1)
# So long a rollup that is gone from its app's catalog keeps its cells.
RETIRED_KEPT = timedelta(days=30)
CELLS, RESULTS = "aggregate.cells", "aggregate.results"
EXPIRE = "aggregate.expire_rollups"
# What ends what aggregate keeps, in the order in which it runs.
JOBS = (EXPIRE, "aggregate.expire_quarantine", "aggregate.prune_job_runs")
_BY = "catalog"


class Cells(Protocol):
    """See `postgres.ExpiredCells`."""

    async def delete(self, key: RollupKey, first: datetime | None) -> int:
        """Deletes a rollup's cells of buckets that begin before `first`, None for all; how many."""
        ...

    async def overdue(self, key: RollupKey, first: datetime | None) -> tuple[int, datetime | None]:
        """How many cells there are of buckets that begin before `first`, None for all, and where the oldest
        begins."""
        ...

    async def retired(self, before: datetime) -> Sequence[RollupKey]:
        """The rollups that left the catalogs before a moment."""
        ...

    async def forget(self, key: RollupKey) -> None:
        """Forgets a retired rollup."""
        ...


class Results(Protocol):
    """See `postgres.ExpiredResults`."""

    async def delete(self, app_id: str, job: str, before: datetime) -> int:
        """Deletes the results of a job that ended before a moment; how many."""
        ...

    async def overdue(self, app_id: str, job: str, before: datetime) -> tuple[int, datetime | None]:
        """How many results of a job ended before a moment, and where the oldest began."""
        ...

    async def jobs(self, app_id: str) -> Sequence[str]:
        """The jobs that have results, also those that are gone from the catalog."""
        ...


class Expiry:
    """Deletes what has expired by the catalogs in use; apps without one keep all. Safe to repeat and to
    interrupt."""

    def __init__(self, catalogs: Catalogs, cells: Cells, results: Results, clock: Clock) -> None:
        self._catalogs = catalogs
        self._cells = cells
        self._results = results
        self._clock = clock

    async def expire(self) -> Mapping[str, int]:
        """Deletes the cells of expired buckets, those of rollups that were retired long ago, and results of
        expired periods; how many."""
        now = moment_of(self._clock.now_us())
        expired = retired = results = 0
        for app_id, catalog in self._catalogs.current.catalogs.items():
            for rollup in catalog.rollups.values():
                first = kept_from(rollup.period, rollup.cell_retention_days, now - _MARGIN)
                if first is not None:
                    expired += await self._cells.delete((app_id, rollup.name), first)
            results += await self._expire_results(catalog, now - _MARGIN)
        for key in await self._cells.retired(now - RETIRED_KEPT):
            retired += await self._cells.delete(key, None)
            await self._cells.forget(key)
        return {"expired_cells": expired, "retired_cells": retired, "results": results}

    async def list_overdue(self) -> Sequence[OverdueData]:
        """The cells and results that had expired when this day began; changes nothing."""
        today = midnight(moment_of(self._clock.now_us())) - _MARGIN
        found = []
        for app_id, catalog in self._catalogs.current.catalogs.items():
            for rollup in catalog.rollups.values():
                days = rollup.cell_retention_days
                first = kept_from(rollup.period, days, today)
                if first is not None and days is not None:
                    found.append(await self._overdue_cells((app_id, rollup.name), days, first))
            found += await self._overdue_results(catalog, today)
        for key in await self._cells.retired(today - RETIRED_KEPT):
            found.append(await self._overdue_cells(key, RETIRED_KEPT.days, None))
        return [each for each in found if each is not None]

    def list_limits(self) -> Sequence[RetentionLimit]:
        """The limits of each rollup's cells, and of each job's results."""
        return [
            limit
            for catalog in self._catalogs.current.catalogs.values()
            for limit in (
                *(
                    RetentionLimit(
                        CELLS, each.cell_retention_days, _BY, EXPIRE, catalog.app_id, each.name
                    )
                    for each in catalog.rollups.values()
                ),
                *(
                    RetentionLimit(
                        RESULTS, job.inputs.longest_days, _BY, EXPIRE, catalog.app_id, job.name
                    )
                    for job in result_jobs(catalog)
                ),
            )
        ]

    async def _overdue_cells(
        self, key: RollupKey, days: int, first: datetime | None
    ) -> OverdueData | None:
        cells, oldest = await self._cells.overdue(key, first)
        return None if oldest is None else OverdueData(CELLS, *key, days, cells, oldest)

    async def _overdue_results(
        self, catalog: Catalog, now: datetime
    ) -> Sequence[OverdueData | None]:
        found = []
        for name, before in (await self._kept_results(catalog, now)).items():
            results, oldest = await self._results.overdue(catalog.app_id, name, before)
            if oldest is not None:
                days = (now - before).days
                found.append(OverdueData(RESULTS, catalog.app_id, name, days, results, oldest))
        return found

    async def _expire_results(self, catalog: Catalog, now: datetime) -> int:
        return sum(
            [
                await self._results.delete(catalog.app_id, name, before)
                for name, before in (await self._kept_results(catalog, now)).items()
            ]
        )

    async def _kept_results(self, catalog: Catalog, now: datetime) -> Mapping[str, datetime]:
        """From when on results are kept, by the jobs that have any and a limit."""
        declared = {job.name: job for job in result_jobs(catalog)}
        kept = {
            name: results_kept_from(catalog, declared.get(name), now)
            for name in await self._results.jobs(catalog.app_id)
        }
        return {name: before for name, before in kept.items() if before is not None}

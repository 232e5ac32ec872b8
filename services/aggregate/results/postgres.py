"""Results in Postgres. Values come in as parameters only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import bindparam

from libs.events.postgres import snapshot_connection
from services.aggregate.elapsed.postgres import add_elapsed
from services.aggregate.model import Measure
from services.aggregate.named_metrics.people.postgres import PersonalMetrics
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.plan import RollupPlan
from services.aggregate.postgres import one_state
from services.aggregate.results.changes.postgres import is_dirty, read_versions
from services.aggregate.results.cohorts.postgres import cohort_cells
from services.aggregate.results.model import (
    PEOPLE,
    JobKey,
    Place,
    Result,
    ResultCell,
    ResultJob,
    ResultPage,
    ResultPeriod,
    Unsettled,
    Written,
)
from services.aggregate.results.stored_metrics.postgres import metric_cells, personal_cells
from services.aggregate.results.writers.postgres import join_writers
from services.aggregate.rollups.cell_pages import read_measure
from services.aggregate.values import cell_values

# Cells read and written at once; about 1 KB each.
CELLS_AT_A_TIME = 2_000
RESULTS_AT_A_TIME = 100
# Named to a caller who asks for a result that is not there.
_NEWEST_NAMED = 5
# No cell has it, and every other one comes after it.
_BEFORE_ALL = UUID(int=0)

# First of all, because it locks the result: of two runs at one time the later one fails, and is repeated.
WRITE_RESULT = text("""
INSERT INTO aggregate.results AS r
    (app_id, job, period_start, period_end, watermark, is_final, cells, revision, calculated_at)
VALUES (:app_id, :job, :start, :end, :watermark, false, 0, 1, now())
ON CONFLICT (app_id, job, period_start) DO UPDATE SET period_end = excluded.period_end,
    watermark = excluded.watermark, is_final = excluded.is_final, revision = r.revision + 1,
    calculated_at = excluded.calculated_at
""")
REMOVE_CELLS = text("""
DELETE FROM aggregate.result_cells
WHERE app_id = :app_id AND job = :job AND period_start = :start
""")
# The cells of one rollup in a period, each with all its measures.
READ_CELLS = text("""
WITH page AS (
    SELECT cell_id, bucket, dimensions FROM aggregate.cells
    WHERE app_id = :app_id AND rollup = :rollup AND bucket >= :start AND bucket < :end
      AND (bucket, cell_id) > (:after_bucket, :after_cell)
    ORDER BY bucket, cell_id LIMIT :limit
)
SELECT p.cell_id, p.bucket, p.dimensions,
    m.metric, m.count, m.total, m.minimum, m.maximum, m.bins, m.first_number, m.last_number
FROM page AS p LEFT JOIN aggregate.measures AS m USING (cell_id)
ORDER BY p.bucket, p.cell_id
""")
ADD_CELL = text("""
INSERT INTO aggregate.result_cells
    (app_id, job, period_start, rollup, bucket, cell_id, dimensions, metrics)
VALUES (:app_id, :job, :start, :rollup, :bucket, :cell_id, :dimensions, :metrics)
""").bindparams(bindparam("dimensions", type_=JSONB), bindparam("metrics", type_=JSONB))
COMPLETE_RESULT = text("""
UPDATE aggregate.results SET cells = :cells, is_final = :is_final, inputs = :inputs
WHERE app_id = :app_id AND job = :job AND period_start = :start
""")
SELECT_SETTLING = text("""
SELECT r.app_id, r.job, r.period_start, r.period_end
FROM unnest(CAST(:apps AS text[]), CAST(:jobs AS text[]), CAST(:until AS timestamptz[]))
    AS wanted (app_id, job, final_until)
JOIN aggregate.results AS r USING (app_id, job)
WHERE r.is_final = false AND r.period_end <= wanted.final_until
ORDER BY r.period_end LIMIT :limit
""")
# Of earlier releases it is not known what they were made of.
SELECT_RECENT = text("""
SELECT period_start, period_end, inputs FROM aggregate.results
WHERE app_id = :app_id AND job = :job AND period_start >= :since AND period_end <= :until
  AND inputs IS NOT NULL
ORDER BY period_start
""")
SELECT_RESULT = text("""
SELECT period_start, period_end, watermark, is_final, cells, revision, calculated_at, inputs,
    EXISTS (
        SELECT 1 FROM aggregate.result_cells AS c
        WHERE c.app_id = r.app_id AND c.job = r.job AND c.period_start = r.period_start
            AND c.rollup = :people
    ) AS is_personal
FROM aggregate.results AS r
WHERE app_id = :app_id AND job = :job
  AND (CAST(:time AS timestamptz) IS NULL OR period_start <= :time AND period_end > :time)
  AND period_end > coalesce(CAST(:kept_from AS timestamptz), '-infinity')
ORDER BY period_start DESC LIMIT 1
""")
SELECT_NEWEST = text("""
SELECT period_start FROM aggregate.results
WHERE app_id = :app_id AND job = :job
  AND period_end > coalesce(CAST(:kept_from AS timestamptz), '-infinity')
ORDER BY period_start DESC LIMIT :limit
""")
SELECT_RESULT_CELLS = text("""
SELECT rollup, bucket, cell_id, dimensions, metrics FROM aggregate.result_cells
WHERE app_id = :app_id AND job = :job AND period_start = :start
  AND (rollup, bucket, cell_id) > (:after_rollup, :after_bucket, :after_cell)
ORDER BY rollup, bucket, cell_id LIMIT :limit
""")


class PostgresResults:
    """Implements `schedules.Results`. Each result is replaced in one transaction, which sees one state of all
    cells: so a run that dies leaves the result from before, and a repeated one the same as a single one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(
        self,
        job: ResultJob,
        period: ResultPeriod,
        *,
        watermark: datetime | None,
        is_final: bool,
    ) -> Written:
        """See the port. `watermark` was measured before."""
        key = {"app_id": job.app_id, "job": job.name, "start": period.start}
        # Of stored events, only the other one sees a single state.
        state = snapshot_connection if job.reads_events else one_state
        async with state(self._engine) as connection:
            await join_writers(connection)
            await connection.execute(
                WRITE_RESULT, {**key, "end": period.end, "watermark": watermark}
            )
            await connection.execute(REMOVE_CELLS, key)
            cells = 0
            async for page in computed_pages(connection, job, period):
                cells += len(page)
                await _add(connection, key, page)
            first = job.first_input(period)
            if is_final:
                is_final = not await is_dirty(connection, job, first, period.end)
            versions = await read_versions(connection, job, first, period.end)
            inputs = versions.between(first, period.end)
            await connection.execute(
                COMPLETE_RESULT, {**key, "cells": cells, "is_final": is_final, "inputs": inputs}
            )
        return Written(cells, is_final)

    async def changed(
        self, job: ResultJob, since: datetime, until: datetime
    ) -> Sequence[ResultPeriod]:
        """See the port."""
        parameters = {"app_id": job.app_id, "job": job.name, "since": since, "until": until}
        async with one_state(self._engine) as connection:
            rows = (await connection.execute(SELECT_RECENT, parameters)).all()
            found = [(ResultPeriod(row.period_start, row.period_end), row.inputs) for row in rows]
            if not found:
                return []
            firsts = {period: job.first_input(period) for period, _ in found}
            versions = await read_versions(connection, job, min(firsts.values()), until)
        return [
            period
            for period, inputs in found
            if versions.between(firsts[period], period.end) > inputs
        ]

    async def settling(
        self, final_until: Mapping[tuple[str, str], datetime]
    ) -> Sequence[Unsettled]:
        """Provisional results that can be final now, the oldest periods first, RESULTS_AT_A_TIME at most.
        `final_until` says by app and job until when."""
        parameters = {
            "apps": [app_id for app_id, _ in final_until],
            "jobs": [job for _, job in final_until],
            "until": list(final_until.values()),
            "limit": RESULTS_AT_A_TIME,
        }
        async with self._engine.connect() as connection:
            rows = (await connection.execute(SELECT_SETTLING, parameters)).all()
        return [Unsettled(row.app_id, row.job, ResultPeriod(*row[2:])) for row in rows]


class PostgresResultReader:
    """Reads results."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self,
        key: JobKey,
        declared: ResultJob | None,
        time: datetime | None,
        after: Place | None,
        limit: int,
        kept_from: datetime | None,
    ) -> ResultPage | None:
        """The result of the period that `time` is in, else the newest one, of those that end after
        `kept_from`, and up to `limit` of its cells, those after `after`; None if there is no such result.
        `declared` is the job if a catalog has it."""
        of_job = {"app_id": key[0], "job": key[1]}
        wanted = {**of_job, "time": time, "people": PEOPLE, "kept_from": kept_from}
        async with one_state(self._engine) as connection:
            found = await connection.execute(SELECT_RESULT, wanted)
            row = found.one_or_none()
            if row is None:
                return None
            result = Result(ResultPeriod(row.period_start, row.period_end), *row[2:-2])
            rollup, bucket, cell_id = after or ("", row.period_start, _BEFORE_ALL)
            parameters = {
                **of_job,
                "start": row.period_start,
                "after_rollup": rollup,
                "after_bucket": bucket,
                "after_cell": cell_id,
                "limit": limit + 1,
            }
            rows = (await connection.execute(SELECT_RESULT_CELLS, parameters)).all()
            outdated = declared is not None and await is_outdated(
                connection, declared, result.period, row.inputs
            )
        cells = [ResultCell(r.rollup, r.bucket, r.cell_id, r.dimensions, r.metrics) for r in rows]
        return ResultPage(result, row.is_personal, outdated, cells[:limit], len(cells) > limit)

    async def newest(self, key: JobKey, kept_from: datetime | None) -> Sequence[datetime]:
        """Where the newest periods that end after `kept_from` and have a result begin, the newest first."""
        parameters = {
            "app_id": key[0],
            "job": key[1],
            "kept_from": kept_from,
            "limit": _NEWEST_NAMED,
        }
        async with self._engine.connect() as connection:
            return (await connection.execute(SELECT_NEWEST, parameters)).scalars().all()


async def computed_pages(
    connection: AsyncConnection, job: ResultJob, period: ResultPeriod
) -> AsyncIterator[list[ResultCell]]:
    """The cells of a result as they are now, page by page; no page is empty."""
    for plan in job.rollups:
        async for page in _cells(connection, job.app_id, plan, period):
            yield page
    for page in await _metric_pages(connection, job, period):
        yield page


async def is_outdated(
    connection: AsyncConnection, job: ResultJob, period: ResultPeriod, inputs: Decimal | None
) -> bool:
    """Whether what a result is made of has changed since, or is about to be recounted; `inputs` is what it
    was written with."""
    if inputs is None:
        # An earlier release did not write it down.
        return False
    first = job.first_input(period)
    if await is_dirty(connection, job, first, period.end):
        return True
    versions = await read_versions(connection, job, first, period.end)
    return versions.between(first, period.end) > inputs


async def _cells(
    connection: AsyncConnection, app_id: str, plan: RollupPlan, period: ResultPeriod
) -> AsyncIterator[list[ResultCell]]:
    """The cells of a rollup in a period, page by page; no page is empty."""
    bucket, cell_id = period.start, _BEFORE_ALL
    while True:
        parameters = {
            "app_id": app_id,
            "rollup": plan.name,
            "start": period.start,
            "end": period.end,
            "after_bucket": bucket,
            "after_cell": cell_id,
            "limit": CELLS_AT_A_TIME,
        }
        rows = (await connection.execute(READ_CELLS, parameters)).all()
        page = await _grouped(connection, app_id, plan, rows)
        if page:
            yield page
        if len(page) < CELLS_AT_A_TIME:
            return
        bucket, cell_id = page[-1].bucket, page[-1].cell_id


async def _grouped(
    connection: AsyncConnection, app_id: str, plan: RollupPlan, rows: Any
) -> list[ResultCell]:
    """Cells from rows, one for each measure, in their order."""
    cells: dict[UUID, Any] = {}
    measures: dict[UUID, dict[str, Measure]] = {}
    for row in rows:
        cells.setdefault(row.cell_id, row)
        of_cell = measures.setdefault(row.cell_id, {})
        if row.metric is not None:
            of_cell[row.metric] = read_measure(row)
    read = [(row.bucket, row.dimensions, measures[cell_id]) for cell_id, row in cells.items()]
    await add_elapsed(connection, app_id, plan, read)
    return [
        ResultCell(
            plan.name,
            row.bucket,
            cell_id,
            row.dimensions,
            cell_values(plan, measures[cell_id]),
        )
        for cell_id, row in cells.items()
    ]


async def _metric_pages(
    connection: AsyncConnection, job: ResultJob, period: ResultPeriod
) -> list[list[ResultCell]]:
    """The rows of the job's metrics, as many at a time as are written at once."""
    found = list(await metric_cells(job, period, RollupMetrics(connection, period.end)))
    if job.is_personal:
        people = PersonalMetrics(connection, job.app, None)
        found += await personal_cells(job, period, people)
    if job.cohorts is not None:
        found += await cohort_cells(connection, job.app, job.cohorts, period)
    starts = range(0, len(found), CELLS_AT_A_TIME)
    return [found[start : start + CELLS_AT_A_TIME] for start in starts]


async def _add(
    connection: AsyncConnection, key: Mapping[str, object], cells: Sequence[ResultCell]
) -> None:
    rows = [
        {
            **key,
            "rollup": cell.rollup,
            "bucket": cell.bucket,
            "cell_id": cell.cell_id,
            "dimensions": cell.dimensions,
            "metrics": cell.metrics,
        }
        for cell in cells
    ]
    await connection.execute(ADD_CELL, rows)

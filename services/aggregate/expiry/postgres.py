"""Deletes what has expired, a few thousand rows a transaction. Values come in as parameters only."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.aggregate.counting.definitions import RollupKey

# Rows that one transaction deletes.
ROWS_AT_A_TIME = 5_000

# What is left of them, which no reader sees, is deleted by `recount.postgres.PostgresRecounts.clean`.
_HIDE_CELLS = text("""
WITH gone AS (
    DELETE FROM aggregate.cells WHERE cell_id = ANY(ARRAY(
        SELECT cell_id FROM aggregate.cells
        WHERE app_id = :app_id AND rollup = :rollup
            AND bucket < coalesce(CAST(:first AS timestamptz), 'infinity')
        LIMIT :limit
    ))
    RETURNING cell_id
), remembered AS (
    INSERT INTO aggregate.old_cells (cell_id) SELECT cell_id FROM gone ON CONFLICT DO NOTHING
)
SELECT count(*) FROM gone
""")
_FORGET_BUCKETS = text("""
WITH gone AS (
    DELETE FROM aggregate.buckets WHERE (app_id, rollup, bucket) IN (
        SELECT app_id, rollup, bucket FROM aggregate.buckets
        WHERE app_id = :app_id AND rollup = :rollup
            AND bucket < coalesce(CAST(:first AS timestamptz), 'infinity')
        LIMIT :limit
    )
    RETURNING bucket
)
SELECT count(*) FROM gone
""")
_OVERDUE = text("""
SELECT count(*), min(bucket) FROM aggregate.cells
WHERE app_id = :app_id AND rollup = :rollup
    AND bucket < coalesce(CAST(:first AS timestamptz), 'infinity')
""")
_RETIRED = text("SELECT app_id, rollup FROM aggregate.rollups WHERE retired_at < :before")
# One that is declared again meanwhile is not retired any more.
_FORGET_ROLLUP = text("""
DELETE FROM aggregate.rollups
WHERE app_id = :app_id AND rollup = :rollup AND retired_at IS NOT NULL
""")

_JOBS = text("SELECT DISTINCT job FROM aggregate.results WHERE app_id = :app_id")
# Those whose cells are gone; no reader asks for them.
_EXPIRED_RESULTS = text("""
SELECT period_start FROM aggregate.results
WHERE app_id = :app_id AND job = :job AND period_end <= :before
""")
_OVERDUE_RESULTS = text("""
SELECT count(*), min(period_start) FROM aggregate.results
WHERE app_id = :app_id AND job = :job AND period_end <= :before
""")
_DELETE_RESULT_CELLS = text("""
WITH gone AS (
    DELETE FROM aggregate.result_cells WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM aggregate.result_cells
        WHERE app_id = :app_id AND job = :job AND period_start = ANY(:starts) LIMIT :limit
    ))
    RETURNING cell_id
)
SELECT count(*) FROM gone
""")
_DELETE_RESULTS = text("""
DELETE FROM aggregate.results WHERE app_id = :app_id AND job = :job AND period_start = ANY(:starts)
""")


class ExpiredCells:
    """Deletes cells. A run that dies has deleted some of them; the next one goes on."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def delete(self, key: RollupKey, first: datetime | None) -> int:
        """Deletes a rollup's cells of buckets that begin before `first`, None for all, and what is known of
        these buckets; how many cells."""
        await self._repeat(_FORGET_BUCKETS, key, first)
        return await self._repeat(_HIDE_CELLS, key, first)

    async def overdue(self, key: RollupKey, first: datetime | None) -> tuple[int, datetime | None]:
        """How many cells there are of buckets that begin before `first`, None for all, and where the oldest
        begins."""
        parameters = {"app_id": key[0], "rollup": key[1], "first": first}
        async with self._engine.connect() as connection:
            cells, oldest = (await connection.execute(_OVERDUE, parameters)).one()
        return cells, oldest

    async def retired(self, before: datetime) -> list[RollupKey]:
        """The rollups that left the catalogs before a moment."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_RETIRED, {"before": before})).all()
        return [(row.app_id, row.rollup) for row in rows]

    async def forget(self, key: RollupKey) -> None:
        """Forgets a retired rollup: if it is declared again, it is a new one."""
        async with self._engine.begin() as connection:
            await connection.execute(_FORGET_ROLLUP, {"app_id": key[0], "rollup": key[1]})

    async def _repeat(self, statement: TextClause, key: RollupKey, first: datetime | None) -> int:
        parameters = {"app_id": key[0], "rollup": key[1], "first": first}
        return await _repeated(self._engine, statement, parameters)


class ExpiredResults:
    """Deletes results: first their cells, so that a run that dies leaves none of them behind."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def jobs(self, app_id: str) -> list[str]:
        """The jobs that have results, also those that are gone from the catalog."""
        async with self._engine.connect() as connection:
            return list((await connection.execute(_JOBS, {"app_id": app_id})).scalars())

    async def overdue(self, app_id: str, job: str, before: datetime) -> tuple[int, datetime | None]:
        """How many results of a job ended before a moment, and where the oldest began."""
        parameters = {"app_id": app_id, "job": job, "before": before}
        async with self._engine.connect() as connection:
            results, oldest = (await connection.execute(_OVERDUE_RESULTS, parameters)).one()
        return results, oldest

    async def delete(self, app_id: str, job: str, before: datetime) -> int:
        """Deletes the results of a job that ended before a moment; how many."""
        of_job = {"app_id": app_id, "job": job}
        async with self._engine.connect() as connection:
            found = await connection.execute(_EXPIRED_RESULTS, {**of_job, "before": before})
            starts = list(found.scalars())
        if starts:
            parameters = {**of_job, "starts": starts}
            await _repeated(self._engine, _DELETE_RESULT_CELLS, parameters)
            async with self._engine.begin() as connection:
                await connection.execute(_DELETE_RESULTS, parameters)
        return len(starts)


async def _repeated(
    engine: AsyncEngine, statement: TextClause, parameters: Mapping[str, object]
) -> int:
    """Runs a statement for some rows at a time until there are no more; how many there were."""
    total = 0
    while True:
        async with engine.begin() as connection:
            found = await connection.execute(statement, {**parameters, "limit": ROWS_AT_A_TIME})
            deleted = int(found.scalar_one())
        total += deleted
        if deleted < ROWS_AT_A_TIME:
            return total

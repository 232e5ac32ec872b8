"""Deletes the cells of expired buckets, a few thousand a transaction. Values come in as parameters only."""

from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.aggregate.counting.generations import RollupKey

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
_RETIRED = text("SELECT app_id, rollup FROM aggregate.rollups WHERE retired_at < :before")
# One that is declared again meanwhile is not retired any more.
_FORGET_ROLLUP = text("""
DELETE FROM aggregate.rollups
WHERE app_id = :app_id AND rollup = :rollup AND retired_at IS NOT NULL
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
        values = {"app_id": key[0], "rollup": key[1], "first": first, "limit": ROWS_AT_A_TIME}
        total = 0
        while True:
            async with self._engine.begin() as connection:
                deleted = int((await connection.execute(statement, values)).scalar_one())
            total += deleted
            if deleted < ROWS_AT_A_TIME:
                return total

"""Adopted definitions in Postgres. Values come in as parameters only."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Period
from services.aggregate.adoption.definition import Adopted, Adoption
from services.aggregate.counting.definitions import Definition, RollupKey
from services.aggregate.recount.postgres import NEXT_EPOCH, counting_stopped

_READ = text("""
SELECT app_id, rollup, shape, period, events, adopted_at, pending, retired_at FROM aggregate.rollups
""")
# What an earlier change left to be marked stays so.
_ADOPT = text("""
INSERT INTO aggregate.rollups AS r
    (app_id, rollup, shape, period, events, adopted_at, pending)
VALUES (:app_id, :rollup, :shape, :period, :events, now(), :pending)
ON CONFLICT (app_id, rollup) DO UPDATE SET
    shape = excluded.shape, period = excluded.period, events = excluded.events,
    adopted_at = excluded.adopted_at, pending = r.pending || excluded.pending, retired_at = NULL
""")
_RETIRE = text("""
UPDATE aggregate.rollups SET retired_at = now()
WHERE app_id = :app_id AND rollup = :rollup AND retired_at IS NULL
""")
_MARKED = text("""
UPDATE aggregate.rollups SET pending = NULL
WHERE app_id = :app_id AND rollup = :rollup AND adopted_at = :adopted_at
""")


class PostgresDefinitions:
    """The definitions by which rollups are counted."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self) -> Mapping[RollupKey, Adopted]:
        """Those that are adopted."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_READ)).all()
        return {
            (row.app_id, row.rollup): Adopted(
                Definition(row.shape, Period(row.period), frozenset(row.events)),
                row.adopted_at,
                None if row.pending is None else frozenset(row.pending),
                row.retired_at,
            )
            for row in rows
        }

    async def adopt(self, adoptions: Sequence[Adoption]) -> None:
        """Writes definitions down, and what has to be marked because of them. From then on no process counts
        by another one. Raises PostponedError."""
        rows = [
            {
                "app_id": one.key[0],
                "rollup": one.key[1],
                "shape": one.definition.shape,
                "period": one.definition.period,
                "events": sorted(one.definition.events),
                "pending": sorted(one.names) or None,
            }
            for one in adoptions
        ]
        async with counting_stopped(self._engine) as connection:
            await connection.execute(_ADOPT, rows)
            await connection.execute(NEXT_EPOCH)

    async def retire(self, keys: Sequence[RollupKey]) -> None:
        """Notes that rollups have left the catalogs."""
        rows = [{"app_id": app_id, "rollup": rollup} for app_id, rollup in keys]
        async with counting_stopped(self._engine) as connection:
            await connection.execute(_RETIRE, rows)
            await connection.execute(NEXT_EPOCH)

    async def marked(self, key: RollupKey, adopted: Adopted) -> None:
        """All that was pending is marked."""
        parameters = {"app_id": key[0], "rollup": key[1], "adopted_at": adopted.adopted_at}
        async with self._engine.begin() as connection:
            await connection.execute(_MARKED, parameters)

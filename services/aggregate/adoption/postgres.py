"""Adopted definitions in Postgres. Values come in as parameters only."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.aggregate.adoption.definition import Adopted, Adoption, Definition
from services.aggregate.counting.generations import RollupKey

_READ = text("""
SELECT app_id, rollup, shape, events, adopted_at, pending, is_settled, retired_at FROM aggregate.rollups
""")
# What an earlier change left to be marked stays so.
_ADOPT = text("""
INSERT INTO aggregate.rollups AS r
    (app_id, rollup, shape, events, adopted_at, pending, is_settled)
VALUES (:app_id, :rollup, :shape, :events, now(), :pending, :is_settled)
ON CONFLICT (app_id, rollup) DO UPDATE SET
    shape = excluded.shape, events = excluded.events, adopted_at = excluded.adopted_at,
    pending = r.pending || excluded.pending,
    is_settled = excluded.is_settled, retired_at = NULL
""")
_RETIRE = text("""
UPDATE aggregate.rollups SET retired_at = now()
WHERE app_id = :app_id AND rollup = :rollup AND retired_at IS NULL
""")
_MARKED = text("""
UPDATE aggregate.rollups SET pending = NULL
WHERE app_id = :app_id AND rollup = :rollup AND adopted_at = :adopted_at
""")
_SETTLED = text("""
UPDATE aggregate.rollups SET is_settled = 'true'
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
                Definition(row.shape, frozenset(row.events)),
                row.adopted_at,
                None if row.pending is None else frozenset(row.pending),
                row.is_settled,
                row.retired_at,
            )
            for row in rows
        }

    async def adopt(self, adoptions: Sequence[Adoption]) -> None:
        """Writes definitions down, and what has to be marked because of them."""
        rows = [
            {
                "app_id": one.key[0],
                "rollup": one.key[1],
                "shape": one.definition.shape,
                "events": sorted(one.definition.events),
                "pending": sorted(one.names) or None,
                "is_settled": one.is_settled,
            }
            for one in adoptions
        ]
        async with self._engine.begin() as connection:
            await connection.execute(_ADOPT, rows)

    async def retire(self, keys: Sequence[RollupKey]) -> None:
        """Notes that rollups have left the catalogs."""
        rows = [{"app_id": app_id, "rollup": rollup} for app_id, rollup in keys]
        async with self._engine.begin() as connection:
            await connection.execute(_RETIRE, rows)

    async def marked(self, key: RollupKey, adopted: Adopted) -> None:
        """All that was pending is marked."""
        await self._done(_MARKED, key, adopted)

    async def settled(self, key: RollupKey, adopted: Adopted) -> None:
        """What was counted while replicas had other catalogs is marked."""
        await self._done(_SETTLED, key, adopted)

    async def _done(self, statement: object, key: RollupKey, adopted: Adopted) -> None:
        parameters = {"app_id": key[0], "rollup": key[1], "adopted_at": adopted.adopted_at}
        async with self._engine.begin() as connection:
            await connection.execute(statement, parameters)  # type: ignore[call-overload]

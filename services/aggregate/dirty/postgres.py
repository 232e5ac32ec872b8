"""Dirty buckets in Postgres. Values come in as parameters only."""

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime, time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.events.postgres import PostgresEventReader, days_of_names
from services.aggregate.buckets import moment
from services.aggregate.counting.generations import BucketKey
from services.aggregate.dirty.choice import FIRST_SECOND, LAST_SECOND
from services.aggregate.recount.model import DirtyBucket, Reason


def mark_sql(reason: str, app_ids: str, rollups: str, starts: str) -> str:
    """The statement that marks buckets, given as arrays of equal length, with their starts in seconds since
    the Unix epoch; all arguments are SQL. Each gets a number of its own: a recount unmarks a bucket only if
    it was not marked again meanwhile."""
    return f"""
        INSERT INTO aggregate.buckets AS b
            (app_id, rollup, bucket, dirty_mark, dirty_reason, dirty_since)
        SELECT app_id, rollup, to_timestamp(seconds), nextval('aggregate.recount_numbers'), {reason}, now()
        FROM unnest({app_ids}, {rollups}, {starts}) AS marked (app_id, rollup, seconds)
        ORDER BY app_id, rollup, seconds
        ON CONFLICT (app_id, rollup, bucket) DO UPDATE SET
            dirty_mark = excluded.dirty_mark, dirty_reason = excluded.dirty_reason,
            dirty_since = coalesce(b.dirty_since, excluded.dirty_since)
    """


_MARK = text(
    mark_sql(
        ":reason",
        "CAST(:apps AS text[])",
        "CAST(:rollups AS text[])",
        "CAST(:starts AS bigint[])",
    )
)
_UNMARK = text("""
UPDATE aggregate.buckets SET dirty_mark = NULL, dirty_reason = NULL, dirty_since = NULL
WHERE dirty_mark = ANY(:marks)
""")
# Last of all what is marked again and again, as long as processes have other catalogs.
_NEWEST = text("""
SELECT app_id, rollup, bucket, dirty_mark, dirty_reason FROM aggregate.buckets
WHERE dirty_mark IS NOT NULL AND (app_id, rollup) IN (
    SELECT * FROM unnest(CAST(:apps AS text[]), CAST(:rollups AS text[]))
)
ORDER BY dirty_reason = :last, bucket DESC LIMIT :limit
""")
_OF_ROLLUP = text("""
SELECT bucket FROM aggregate.buckets
WHERE app_id = :app_id AND rollup = :rollup AND dirty_mark IS NOT NULL
    AND bucket >= coalesce(CAST(:start AS timestamptz), '-infinity')
    AND bucket < coalesce(CAST(:end AS timestamptz), 'infinity')
""")
_COUNTS = text("""
SELECT rollup, count(*) FROM aggregate.buckets
WHERE app_id = :app_id AND dirty_mark IS NOT NULL GROUP BY rollup
""")
_CELL_DAYS = text("""
SELECT DISTINCT rollup, date_trunc('day', bucket, 'UTC') FROM aggregate.cells
WHERE app_id = :app_id AND rollup = ANY(:rollups) AND bucket >= :start AND bucket < :end
""")


class PostgresDirtyBuckets:
    """Which buckets are dirty."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def mark(self, buckets: Sequence[BucketKey], reason: Reason) -> None:
        """Has buckets recounted, also those that are marked or being recounted already."""
        async with self._engine.begin() as connection:
            await connection.execute(
                _MARK,
                {
                    "apps": [app_id for app_id, _, _ in buckets],
                    "rollups": [rollup for _, rollup, _ in buckets],
                    "starts": [start for _, _, start in buckets],
                    "reason": str(reason),
                },
            )

    async def unmark(self, marks: Sequence[int]) -> None:
        """Leaves buckets as they are, unless they were marked again."""
        async with self._engine.begin() as connection:
            await connection.execute(_UNMARK, {"marks": list(marks)})

    async def newest(self, rollups: Sequence[tuple[str, str]], limit: int) -> Sequence[DirtyBucket]:
        """Dirty buckets of some apps' rollups, the newest first; those that are outdated after all others."""
        parameters = {
            "last": str(Reason.OUTDATED),
            "apps": [app_id for app_id, _ in rollups],
            "rollups": [rollup for _, rollup in rollups],
            "limit": limit,
        }
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_NEWEST, parameters)).all()
        return [DirtyBucket(*row) for row in rows]

    async def of_rollup(
        self, app_id: str, rollup: str, start: datetime | None, end: datetime | None
    ) -> frozenset[datetime]:
        """The dirty buckets of a rollup that begin from `start` (inclusive) to `end` (exclusive), None for no
        limit."""
        parameters = {"app_id": app_id, "rollup": rollup, "start": start, "end": end}
        async with self._engine.connect() as connection:
            return frozenset((await connection.execute(_OF_ROLLUP, parameters)).scalars())

    async def counts(self, app_id: str) -> Mapping[str, int]:
        """How many dirty buckets the app's rollups have, without zeros."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_COUNTS, {"app_id": app_id})).all()
        return {row[0]: row[1] for row in rows}

    async def days_of(
        self,
        app_id: str,
        rollup: str,
        names: Set[str],
        *,
        with_cells: bool,
    ) -> Set[datetime]:
        """See `adoption.ports.Marks`."""
        async with self._engine.connect() as connection:
            found = await days_of_names(connection, app_id, names)
            if with_cells:
                parameters = {"app_id": app_id, "rollups": [rollup]}
                bounds = {"start": moment(FIRST_SECOND), "end": moment(LAST_SECOND)}
                rows = await connection.execute(_CELL_DAYS, {**parameters, **bounds})
                found |= {day for _, day in rows}
        return found

    async def used_days(
        self, app_id: str, rollups: Mapping[str, frozenset[str]], start: int, end: int
    ) -> Mapping[str, set[datetime]]:
        """By rollup, whose events are given: the days from `start` (inclusive) to `end` (exclusive), in
        seconds since the epoch, that have events of it, or on which one of its buckets with cells begins."""
        first, last = moment(start), moment(end)
        reader = PostgresEventReader(self._engine.connect)
        by_name: dict[str, set[datetime]] = {}
        for daily in await reader.daily_counts(app_id, first, last):
            by_name.setdefault(daily.name, set()).add(datetime.combine(daily.day, time(), UTC))
        found = {
            rollup: set().union(*(by_name.get(name, set()) for name in names))
            for rollup, names in rollups.items()
        }
        parameters = {"app_id": app_id, "rollups": list(rollups), "start": first, "end": last}
        async with self._engine.connect() as connection:
            for rollup, day in await connection.execute(_CELL_DAYS, parameters):
                found[rollup].add(day)
        return found

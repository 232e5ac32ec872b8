"""Reading counted cells and stored events in one snapshot. Values come in as parameters only."""

import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.errors import LimitExceeded
from libs.events.postgres import BEGINNING, END, PostgresEventReader, stored_batches
from libs.events.recount import (
    Recount,
    RecountedCells,
    RecountKey,
    RecountQuery,
    cell_key,
    edge_of,
)
from libs.stores.postgres import driver_connection
from libs.streams.batch_pruning import first_uuid7
from services.aggregate.postgres import VerifyingConnections
from services.aggregate.verify.model import CountedCells, StoredMeasure, VerifyQuery, Window

# In all days of the app, because a bucket may have cells and no event.
_CELL_DAYS = text("""
SELECT rollup, date_trunc('day', bucket, 'UTC') AS day, count(*)
FROM aggregate.cells WHERE app_id = :app_id AND rollup = ANY(:rollups)
GROUP BY rollup, day
""")
# The cells of some buckets, a row for each metric, with how many members a distinct metric has.
_COUNTED = """
SELECT extract(epoch FROM bucket)::bigint, dimensions, metric, count, total, minimum, maximum,
    bins, first_number, last_number,
    CASE WHEN metric = ANY(%(distinct)s::text[]) THEN
        (SELECT count(*) FROM aggregate.members AS stored
         WHERE stored.cell_id = c.cell_id AND stored.metric = m.metric)
    END
FROM aggregate.cells AS c JOIN aggregate.measures AS m USING (cell_id)
WHERE app_id = %(app_id)s AND rollup = %(rollup)s
    AND bucket >= %(start)s::timestamptz AND bucket < %(end)s::timestamptz
"""
_COUNTED_BATCHES = text("SELECT batch_id FROM aggregate.batches WHERE batch_id = ANY(:ids)")
# A week's or month's bucket may begin so long before a moment in it.
_LONGEST_BUCKET = timedelta(days=31)
# Rows that are read at once; other calls have their turn in between.
_ROWS = 2_000
# Cells of one window, which are held in memory twice; about 2 KB each.
MAX_CELLS = 100_000


class PostgresSnapshots:
    """Implements `ports.Snapshots`. A replica may serve it: cells and events are then equally old."""

    def __init__(self, connections: VerifyingConnections) -> None:
        self._connections = connections

    @asynccontextmanager
    async def open(self) -> AsyncIterator["PostgresSnapshot"]:
        """See the port."""
        async with self._connections.open() as connection:
            yield PostgresSnapshot(connection)


class PostgresSnapshot:
    """Implements `ports.Snapshot`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def event_days(self, query: VerifyQuery) -> Mapping[str, Mapping[datetime, int]]:
        """See the port."""
        reader = PostgresEventReader(lambda: nullcontext(self._connection))
        start, end = BEGINNING, END
        if query.start is not None and query.start - BEGINNING > _LONGEST_BUCKET:
            start = query.start - _LONGEST_BUCKET
        if query.end is not None and END - query.end > _LONGEST_BUCKET:
            end = query.end + _LONGEST_BUCKET
        found: defaultdict[str, dict[datetime, int]] = defaultdict(dict)
        for daily in await reader.daily_counts(query.app_id, start, end):
            day = datetime.combine(daily.day, time(), UTC)
            found[daily.name][day] = daily.events
        return found

    async def cell_days(self, query: VerifyQuery) -> Mapping[str, Mapping[datetime, int]]:
        """See the port."""
        names = [verified.rollup.name for verified in query.rollups]
        rows = await self._connection.execute(
            _CELL_DAYS, {"app_id": query.app_id, "rollups": names}
        )
        found: defaultdict[str, dict[datetime, int]] = defaultdict(dict)
        for rollup, day, cells in rows:
            found[rollup][day] = cells
        return found

    async def counted(self, query: VerifyQuery, window: Window) -> CountedCells:
        """See the port."""
        rollup = window.of.rollup
        parameters = {
            "app_id": query.app_id,
            "rollup": rollup.name,
            "start": window.start,
            "end": window.end,
            "distinct": [metric.name for metric in rollup.metrics if metric.kind == "distinct"],
        }
        found: dict[RecountKey, dict[str, StoredMeasure]] = {}
        async for row in self._stream(_COUNTED, parameters):
            bucket, dimensions, measure, count, total, minimum, maximum, bins, *edges, members = row
            cell = found.setdefault(cell_key(bucket, dimensions), {})
            numbers = Recount(count, total, minimum, maximum, bins)
            first, last = (None if edge is None else edge_of(edge) for edge in edges)
            cell[measure] = StoredMeasure(numbers, members, first, last)
            _check(len(found), window)
        return found

    async def recounted(self, query: VerifyQuery, window: Window) -> RecountedCells:
        """See the port."""
        recount = RecountQuery(
            query.app_id,
            window.of.rollup,
            query.dimension_characters,
            window.start,
            window.end,
        )
        found: dict[RecountKey, Mapping[str, Recount]] = {}
        async for row in self._stream(recount.statement, recount.parameters):
            key, metrics = recount.cell(row)
            if metrics:
                found[key] = metrics
                _check(len(found), window)
        return found

    async def uncounted_batches(self, counted_until: datetime) -> set[bytes]:
        """See the port."""
        stored = await stored_batches(self._connection, first_uuid7(counted_until))
        ids = [uuid.UUID(bytes=batch_id) for batch_id in stored]
        rows = await self._connection.execute(_COUNTED_BATCHES, {"ids": ids})
        return stored - {batch_id.bytes for batch_id in rows.scalars()}

    async def _stream(
        self, statement: str, parameters: Mapping[str, object]
    ) -> AsyncIterator[tuple[Any, ...]]:
        connection = await driver_connection(self._connection)
        async with connection.cursor(name="verify") as cursor:
            cursor.itersize = _ROWS
            await cursor.execute(statement.encode(), parameters)
            async for row in cursor:
                yield row


def _check(cells: int, window: Window) -> None:
    if cells > MAX_CELLS:
        raise LimitExceeded(
            f"the rollup {window.of.rollup.name} has more than {MAX_CELLS} cells "
            f"from {window.start:%Y-%m-%d} on: verify the other rollups without it",
            limit="max_cells",
            value=MAX_CELLS,
        )

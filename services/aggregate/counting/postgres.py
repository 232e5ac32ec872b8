"""Counting in Postgres: each batch once, however often it is delivered and however many processes count."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from libs.catalog import Period
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.postgres_direct import DirectConnection, DirectConnections
from services.aggregate.counting.arrays import (
    BigintArray,
    DoubleArray,
    TextArray,
    UuidArray,
    register,
)
from services.aggregate.counting.definitions import Definition
from services.aggregate.counting.generations import (
    BucketKey,
    OpenRecount,
    RecountState,
    first_version,
)
from services.aggregate.dirty.postgres import mark_sql
from services.aggregate.model import Cell, CellDelta, Claimed, Measure, MeasureDelta, StoredBatch
from services.aggregate.recount.model import Reason

# Held in share mode by each transaction that counts, and in exclusive mode by one that opens or closes a
# recount: so the state of recounts, and with it the epoch, stays as it is while a chunk is counted.
RECOUNT_LOCK = "1999989106, 1919247221"
# Marks batches as counted, and begins the transaction. One that another transaction is marking is waited for.
# The lock comes first: a statement sees what was committed when it began.
CLAIM_BATCHES = f"""
BEGIN;
SELECT pg_advisory_xact_lock_shared({RECOUNT_LOCK});
SELECT epoch FROM aggregate.recount_epoch;
INSERT INTO aggregate.batches (batch_id, events) VALUES %s
ON CONFLICT DO NOTHING
RETURNING encode(uuid_send(batch_id), 'hex')
"""
READ_OPEN_RECOUNTS = """
SELECT generation, app_id, rollup, extract(epoch FROM first_bucket)::bigint,
    extract(epoch FROM end_bucket)::bigint
FROM aggregate.recounts
"""
READ_COVERED = "SELECT uuid_send(batch_id), generation FROM aggregate.covered_batches"
READ_RECOUNTED = "SELECT app_id, rollup FROM aggregate.recounted_rollups"
READ_ADOPTED = """
SELECT app_id, rollup, shape, period, events FROM aggregate.rollups WHERE retired_at IS NULL
"""
MARK_OUTDATED = mark_sql(f"'{Reason.OUTDATED}'", "%b::text[]", "%b::text[]", "%b::bigint[]")
# Two look-ups in an index for each app that has fences, however many these are: GROUP BY would read all of
# them, at every epoch.
READ_FENCED_FROM = """
WITH RECURSIVE fenced AS (
    SELECT min(app_id) AS app_id FROM aggregate.fences
    UNION ALL
    SELECT (SELECT min(app_id) FROM aggregate.fences WHERE app_id > fenced.app_id)
    FROM fenced WHERE app_id IS NOT NULL
)
SELECT app_id, (
    SELECT (extract(epoch FROM max(in_force_from)) * 1000000)::bigint
    FROM aggregate.fences WHERE app_id = fenced.app_id
)
FROM fenced WHERE app_id IS NOT NULL
"""
READ_FENCES = """
SELECT app_id, encode(uuid_send(person), 'hex'), (extract(epoch FROM fenced_at) * 1000000)::bigint
FROM unnest(%b::text[], %b::uuid[]) AS asked (app_id, person)
JOIN aggregate.fences USING (app_id, person)
"""
READ_GENERATIONS = """
SELECT b.app_id, b.rollup, extract(epoch FROM b.bucket)::bigint, b.generation
FROM unnest(%b::text[], %b::text[], %b::bigint[]) AS wanted (app_id, rollup, seconds)
JOIN aggregate.buckets AS b
    ON b.app_id = wanted.app_id AND b.rollup = wanted.rollup AND b.bucket = to_timestamp(seconds)
WHERE b.generation > 0
"""
# Begins the transaction. Removing a recount waits for those that hold its row.
JOIN_RECOUNT = """
BEGIN;
SELECT 1 FROM aggregate.recounts WHERE generation = %d FOR KEY SHARE
"""

# Stores who was seen, and counts those who are new, by cell and metric.
ADD_MEMBERS = """
WITH added AS (
    INSERT INTO aggregate.members (cell_id, metric, member)
    SELECT * FROM unnest(%b::uuid[], %b::text[], %b::text[])
    ON CONFLICT DO NOTHING
    RETURNING cell_id, metric
)
SELECT uuid_send(cell_id), metric, count(*) FROM added GROUP BY cell_id, metric
"""

# Adds to what is there. A sum with a missing side is the other side; LEAST and GREATEST do that alone. Arrays
# of JSON are compared element by element: first the moment, then the event's UUID.
ADD_MEASURES = """
INSERT INTO aggregate.measures AS m
    (cell_id, metric, count, total, minimum, maximum, bins, first_number, last_number, version)
SELECT cell_id, metric, count, total::numeric, minimum, maximum,
    bins::jsonb, first_number::jsonb, last_number::jsonb, first_version
FROM unnest(%b::uuid[], %b::text[], %b::bigint[], %b::text[], %b::float8[], %b::float8[],
        %b::text[], %b::text[], %b::text[], %b::bigint[])
    AS d (cell_id, metric, count, total, minimum, maximum, bins, first_number, last_number,
        first_version)
ON CONFLICT (cell_id, metric) DO UPDATE SET
    count = m.count + excluded.count,
    total = coalesce(m.total + excluded.total, m.total, excluded.total),
    minimum = least(m.minimum, excluded.minimum),
    maximum = greatest(m.maximum, excluded.maximum),
    bins = CASE WHEN m.bins IS NULL OR excluded.bins IS NULL THEN coalesce(m.bins, excluded.bins)
        ELSE aggregate.added_bins(m.bins, excluded.bins) END,
    first_number = least(m.first_number, excluded.first_number),
    last_number = greatest(m.last_number, excluded.last_number),
    version = m.version + 1
RETURNING uuid_send(cell_id), metric, count, total, minimum, maximum, bins, first_number, last_number, version
"""

_NO_STATE: tuple[int, dict[str, Measure]] = (0, {})

# The same columns as they are.
READ_MEASURES = """
SELECT uuid_send(cell_id), metric, count, total, minimum, maximum, bins, first_number, last_number, version
FROM aggregate.measures WHERE cell_id = ANY(%b::uuid[])
"""

# Cells never change, so one that is there is the same.
ADD_CELLS = """
INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions, first_id)
SELECT cell_id, app_id, rollup, to_timestamp(bucket), dimensions::jsonb, first_id
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::uuid[])
    AS c (cell_id, app_id, rollup, bucket, dimensions, first_id)
ON CONFLICT DO NOTHING
"""
ADD_MADE_CELLS = """
INSERT INTO aggregate.made_cells (generation, cell_id, app_id, rollup, bucket, dimensions, first_id)
SELECT generation, cell_id, app_id, rollup, to_timestamp(bucket), dimensions::jsonb, first_id
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::text[], %b::uuid[], %b::bigint[])
    AS c (cell_id, app_id, rollup, bucket, dimensions, first_id, generation)
ON CONFLICT DO NOTHING
"""


class CountingTransaction:
    """Implements `ports.CountingTransaction`."""

    def __init__(self, connection: DirectConnection) -> None:
        self._connection = connection

    async def claim(self, batches: Sequence[StoredBatch]) -> Claimed:
        """See the port."""
        assert batches
        counts = {batch.batch_id: len(batch.events) - len(batch.skipped) for batch in batches}
        values = ",".join(
            f"('{batch_id.hex()}'::uuid,{counts[batch_id]})" for batch_id in sorted(counts)
        )
        results = await self._connection.run((CLAIM_BATCHES % values).encode())
        assert results is not None
        epoch, claimed = results[-2:]
        return Claimed(
            {
                bytes.fromhex((claimed.get_value(row, 0) or b"").decode())
                for row in range(claimed.ntuples)
            },
            int(epoch.get_value(0, 0) or 0),
        )

    async def read_recounts(self, epoch: int) -> RecountState:
        """See the port."""
        recounts = [OpenRecount(*row) for row in await self._rows(READ_OPEN_RECOUNTS)]
        covered: dict[bytes, frozenset[int]] = {}
        for batch_id, generation in await self._rows(READ_COVERED):
            covered[batch_id] = covered.get(batch_id, frozenset()) | {generation}
        recounted = frozenset(
            (app_id, rollup) for app_id, rollup in await self._rows(READ_RECOUNTED)
        )
        adopted = {
            (app_id, rollup): Definition(shape, Period(period), frozenset(events))
            for app_id, rollup, shape, period, events in await self._rows(READ_ADOPTED)
        }
        fenced_from_us = dict(await self._rows(READ_FENCED_FROM))
        return RecountState(epoch, recounts, covered, recounted, adopted, fenced_from_us)

    async def read_fences(self, people: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """See the port."""
        app_ids, persons = zip(*people, strict=True)
        rows = await self._rows(
            READ_FENCES, TextArray(app_ids), UuidArray([bytes.fromhex(each) for each in persons])
        )
        return {(app_id, person): fenced_us for app_id, person, fenced_us in rows}

    async def read_generations(self, buckets: Sequence[BucketKey]) -> Mapping[BucketKey, int]:
        """See the port."""
        app_ids, rollups, starts = zip(*buckets, strict=True) if buckets else ((), (), ())
        rows = await self._rows(
            READ_GENERATIONS, TextArray(app_ids), TextArray(rollups), BigintArray(starts)
        )
        return {(app_id, rollup, bucket): generation for app_id, rollup, bucket, generation in rows}

    async def mark_outdated(self, buckets: Sequence[BucketKey]) -> None:
        """See the port."""
        app_ids, rollups, starts = zip(*buckets, strict=True)
        await self._connection.driver.execute(
            MARK_OUTDATED, (TextArray(app_ids), TextArray(rollups), BigintArray(starts))
        )

    async def join_recount(self, generation: int) -> bool:
        """See the port."""
        results = await self._connection.run((JOIN_RECOUNT % generation).encode())
        assert results is not None
        return results[-1].ntuples > 0

    async def add_members(
        self, members: Mapping[tuple[bytes, str], set[str]]
    ) -> Mapping[tuple[bytes, str], int]:
        """See the port."""
        cell_ids: list[bytes] = []
        metrics: list[str] = []
        names: list[str] = []
        for (cell_id, metric), found in sorted(members.items()):
            cell_ids += [cell_id] * len(found)
            metrics += [metric] * len(found)
            names += sorted(found)
        if not names:
            return {}
        rows = await self._rows(
            ADD_MEMBERS, UuidArray(cell_ids), TextArray(metrics), TextArray(names)
        )
        return {(cell_id, metric): count for cell_id, metric, count in rows}

    async def add_measures(
        self, deltas: Sequence[CellDelta]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        """See the port."""
        ordered = sorted(deltas, key=lambda delta: delta.cell.cell_id)
        cell_ids: list[bytes] = []
        first_versions: list[int] = []
        growth: list[MeasureDelta] = []
        for delta in ordered:
            measures = len(delta.measures)
            cell_ids += [delta.cell.cell_id] * measures
            first_versions += [first_version(delta.cell.generation)] * measures
            # By name within a cell: that is how the plan sorts them.
            growth += delta.measures
        rows = await self._rows(
            ADD_MEASURES,
            UuidArray(cell_ids),
            TextArray([measure.metric for measure in growth]),
            BigintArray([measure.count for measure in growth]),
            TextArray([None if m.total is None else str(m.total) for m in growth]),
            DoubleArray([measure.minimum for measure in growth]),
            DoubleArray([measure.maximum for measure in growth]),
            _json_array([measure.bins for measure in growth]),
            _json_array([measure.first_number for measure in growth]),
            _json_array([measure.last_number for measure in growth]),
            BigintArray(first_versions),
        )
        return _states(rows)

    async def read_measures(
        self, cell_ids: Sequence[bytes]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        """See the port."""
        return _states(await self._rows(READ_MEASURES, UuidArray(cell_ids)))

    async def add_cells(self, cells: Sequence[Cell]) -> None:
        """See the port."""
        await self._connection.driver.execute(ADD_CELLS, _columns(_in_order(cells)))

    async def add_made_cells(self, cells: Sequence[Cell]) -> None:
        """See the port."""
        ordered = _in_order(cells)
        generations = BigintArray([cell.generation for cell in ordered])
        await self._connection.driver.execute(ADD_MADE_CELLS, (*_columns(ordered), generations))

    async def _rows(self, statement: str, *arrays: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.driver.cursor(binary=True)
        await cursor.execute(statement, arrays)
        return await cursor.fetchall()


class PostgresCountingStore:
    """Implements `ports.CountingStore`."""

    def __init__(self, connector: PostgresConnector) -> None:
        self._direct = DirectConnections(connector, register)

    def close(self) -> None:
        """Closes its connections."""
        self._direct.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[CountingTransaction]:
        """See the port."""
        async with self._direct.transaction() as connection:
            yield CountingTransaction(connection)


def _in_order(cells: Sequence[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: cell.cell_id)


def _columns(cells: Sequence[Cell]) -> tuple[object, ...]:
    return (
        UuidArray([cell.cell_id for cell in cells]),
        TextArray([cell.app_id for cell in cells]),
        TextArray([cell.rollup for cell in cells]),
        BigintArray([cell.bucket for cell in cells]),
        TextArray([cell.dimensions for cell in cells]),
        # Of most cells it is their own id, which is not written down.
        UuidArray([cell.first_id or None for cell in cells]),
    )


def _states(rows: Sequence[tuple[Any, ...]]) -> dict[bytes, tuple[int, dict[str, Measure]]]:
    states: dict[bytes, tuple[int, dict[str, Measure]]] = {}
    for row in rows:
        cell_id, metric, version = row[0], row[1], row[-1]
        newest, measures = states.get(cell_id, _NO_STATE)
        if measures:
            measures[metric] = Measure(*row[2:-1])
            if version > newest:
                states[cell_id] = version, measures
        else:
            states[cell_id] = version, {metric: Measure(*row[2:-1])}
    return states


def _json_array(values: Sequence[object]) -> TextArray:
    return TextArray([None if value is None else orjson.dumps(value) for value in values])

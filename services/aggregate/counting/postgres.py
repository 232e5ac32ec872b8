"""Counting in Postgres: each batch once, however often it is delivered and however many processes count."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from libs.stores.postgres_connector import PostgresConnector
from libs.stores.postgres_direct import DirectConnection, DirectConnections
from services.aggregate.counting.arrays import (
    BigintArray,
    DoubleArray,
    TextArray,
    UuidArray,
    register,
)
from services.aggregate.model import Cell, CellDelta, Measure, StoredBatch

# Marks batches as counted, and begins the transaction. One that another transaction is marking is waited for.
CLAIM_BATCHES = """
BEGIN;
INSERT INTO aggregate.batches (batch_id, events) VALUES %s
ON CONFLICT DO NOTHING
RETURNING encode(uuid_send(batch_id), 'hex')
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
    bins::jsonb, first_number::jsonb, last_number::jsonb, 1
FROM unnest(%b::uuid[], %b::text[], %b::bigint[], %b::text[], %b::float8[], %b::float8[],
        %b::text[], %b::text[], %b::text[])
    AS d (cell_id, metric, count, total, minimum, maximum, bins, first_number, last_number)
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

# The same columns as they are.
READ_MEASURES = """
SELECT uuid_send(cell_id), metric, count, total, minimum, maximum, bins, first_number, last_number, version
FROM aggregate.measures WHERE cell_id = ANY(%b::uuid[])
"""

# Cells never change, so one that is there is the same.
ADD_CELLS = """
INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
SELECT cell_id, app_id, rollup, to_timestamp(bucket), dimensions::jsonb
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::text[])
    AS c (cell_id, app_id, rollup, bucket, dimensions)
ON CONFLICT DO NOTHING
"""


class CountingTransaction:
    """Implements `ports.CountingTransaction`."""

    def __init__(self, connection: DirectConnection) -> None:
        self._connection = connection

    async def claim(self, batches: Sequence[StoredBatch]) -> set[bytes]:
        """See the port."""
        if not batches:
            return set()
        counts = {batch.batch_id: len(batch.events) - len(batch.skipped) for batch in batches}
        values = ",".join(
            f"('{batch_id.hex()}'::uuid,{counts[batch_id]})" for batch_id in sorted(counts)
        )
        results = await self._connection.run((CLAIM_BATCHES % values).encode())
        assert results is not None
        claimed = results[-1]
        return {
            bytes.fromhex((claimed.get_value(row, 0) or b"").decode())
            for row in range(claimed.ntuples)
        }

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
        cell_ids = [delta.cell.cell_id for delta in ordered for _ in delta.measures]
        # By name within a cell: that is how the plan sorts them.
        growth = [measure for delta in ordered for measure in delta.measures]
        rows = await self._rows(
            ADD_MEASURES,
            UuidArray(cell_ids),
            TextArray([measure.metric for measure in growth]),
            BigintArray([measure.count for measure in growth]),
            TextArray([None if m.total is None else str(m.total) for m in growth]),
            DoubleArray([measure.minimum for measure in growth]),
            DoubleArray([measure.maximum for measure in growth]),
            TextArray([_json(measure.bins) for measure in growth]),
            TextArray([_json(measure.first_number) for measure in growth]),
            TextArray([_json(measure.last_number) for measure in growth]),
        )
        return _states(rows)

    async def read_measures(
        self, cell_ids: Sequence[bytes]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        """See the port."""
        return _states(await self._rows(READ_MEASURES, UuidArray(cell_ids)))

    async def add_cells(self, cells: Sequence[Cell]) -> None:
        """See the port."""
        ordered = sorted(cells, key=lambda cell: cell.cell_id)
        await self._connection.driver.execute(
            ADD_CELLS,
            (
                UuidArray([cell.cell_id for cell in ordered]),
                TextArray([cell.app_id for cell in ordered]),
                TextArray([cell.rollup for cell in ordered]),
                BigintArray([cell.bucket for cell in ordered]),
                TextArray([cell.dimensions for cell in ordered]),
            ),
        )

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


def _states(rows: Sequence[tuple[Any, ...]]) -> dict[bytes, tuple[int, dict[str, Measure]]]:
    states: dict[bytes, tuple[int, dict[str, Measure]]] = {}
    for cell_id, metric, *state, version in rows:
        newest, measures = states.get(cell_id) or (0, {})
        measures[metric] = Measure(*state)
        states[cell_id] = max(newest, version), measures
    return states


def _json(value: object) -> bytes | None:
    return None if value is None else orjson.dumps(value)

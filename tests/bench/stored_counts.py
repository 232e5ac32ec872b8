"""What is stored and what is counted, by SQL on a connection of its own."""

import asyncio
import time
from dataclasses import dataclass

import psycopg

from tests.bench.load import WrongCountsError

_POLL_SECONDS = 0.02
# Longer than enrich waits before it looks for events without a partition.
_PARTITION_SECONDS = 2.0

COUNTED = "SELECT coalesce(sum(events), 0)::bigint FROM aggregate.batches"
STORED = "SELECT count(*) FROM enrich.events"
LEAVES = "SELECT count(*) FROM pg_partition_tree('enrich.events') WHERE isleaf"
# The rollup that every app has: it takes every event once.
IN_ROLLUPS = """
    SELECT coalesce(sum(measures.count), 0)::bigint
    FROM aggregate.measures JOIN aggregate.cells USING (cell_id)
    WHERE cells.rollup = 'events' AND measures.metric = 'events'
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """Events in the store, in counted batches, and in the cells of the rollup `events`."""

    stored: int
    counted: int
    in_rollups: int


class StoredCounts:
    """Reads the books; never writes."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def counted(self) -> int:
        """Events in counted batches. Cheap: one row for each batch."""
        return self._number(COUNTED)

    def counts(self) -> Counts:
        """Everything, by counting each row."""
        return Counts(self._number(STORED), self.counted(), self._number(IN_ROLLUPS))

    async def wait_until_counted(self, total: int, *, timeout_seconds: float) -> float:
        """Returns when `total` events are counted, with the moment (`time.perf_counter`).

        Events are counted after they are stored: enrich hands on what it has committed.
        """
        deadline = time.perf_counter() + timeout_seconds
        while self.counted() < total:
            if time.perf_counter() > deadline:
                raise WrongCountsError(f"{self.counted()} of {total} events were counted in time")
            await asyncio.sleep(_POLL_SECONDS)
        return time.perf_counter()

    async def wait_for_partitions(self, *, timeout_seconds: float) -> None:
        """Returns when enrich has made the partitions of the apps that are in use: it does so once for each
        retention class, about a second after its first events.

        Raises WrongCountsError after `timeout_seconds`.
        """
        deadline = time.perf_counter() + timeout_seconds
        leaves = -1
        while (now := self._number(LEAVES)) != leaves:
            leaves = now
            if time.perf_counter() > deadline:
                raise WrongCountsError("partitions are still being made")
            await asyncio.sleep(_PARTITION_SECONDS)

    def check(self, before: Counts, kept: int) -> None:
        """Raises WrongCountsError unless exactly `kept` events came to everything since `before`."""
        now = self.counts()
        came = (
            now.stored - before.stored,
            now.counted - before.counted,
            now.in_rollups - before.in_rollups,
        )
        if came != (kept, kept, kept):
            raise WrongCountsError(f"{kept} events were taken; stored, counted, in rollups: {came}")

    def _number(self, statement: str) -> int:
        row = self._connection.execute(statement).fetchone()
        assert row is not None
        return int(row[0])

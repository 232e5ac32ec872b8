"""Aggregate's counting store in memory. `tests/contract/aggregate` proves it against Postgres."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from decimal import Context, Decimal
from functools import reduce
from typing import Any

from services.aggregate.counting.generations import BucketKey, RecountState, first_version
from services.aggregate.model import Cell, CellDelta, Claimed, Measure, StoredBatch

_WIDE = Context(prec=2_000)


class MemoryCountingStore:
    """Implements `ports.CountingStore`; one transaction at a time. `failures` are raised, one for each
    transaction, when it would commit. `recounts` and `generations` are what a recount leaves."""

    def __init__(self) -> None:
        self.recounts = RecountState(0)
        self.generations: dict[BucketKey, int] = {}
        self.fences: dict[tuple[str, str], int] = {}
        self.outdated: set[BucketKey] = set()
        self.made_cells: dict[bytes, Cell] = {}
        self.batches: set[bytes] = set()
        self.cells: dict[bytes, Cell] = {}
        self.measures: dict[tuple[bytes, str], tuple[Measure, int]] = {}
        self.members: set[tuple[bytes, str, str]] = set()
        self.failures: list[Exception] = []
        self.offered_members = 0
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["MemoryCountingStore"]:
        async with self._one_at_a_time:
            before = deepcopy(
                (self.batches, self.cells, self.made_cells, self.measures, self.members)
            )
            try:
                yield self
                if self.failures:
                    raise self.failures.pop(0)
            except Exception:
                self.batches, self.cells, self.made_cells, self.measures, self.members = before
                raise

    async def claim(self, batches: Sequence[StoredBatch]) -> Claimed:
        fresh = {batch.batch_id for batch in batches} - self.batches
        self.batches |= fresh
        return Claimed(fresh, self.recounts.epoch)

    async def read_recounts(self, epoch: int) -> RecountState:
        assert epoch == self.recounts.epoch
        return self.recounts

    async def read_fences(self, people: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        return {person: self.fences[person] for person in people if person in self.fences}

    async def read_generations(self, buckets: Sequence[BucketKey]) -> Mapping[BucketKey, int]:
        return {key: self.generations[key] for key in buckets if self.generations.get(key)}

    async def mark_outdated(self, buckets: Sequence[BucketKey]) -> None:
        self.outdated |= set(buckets)

    async def join_recount(self, generation: int) -> bool:
        return any(recount.generation == generation for recount in self.recounts.open)

    async def add_members(
        self, members: Mapping[tuple[bytes, str], set[str]]
    ) -> Mapping[tuple[bytes, str], int]:
        added = {}
        for (cell_id, metric), found in members.items():
            self.offered_members += len(found)
            fresh = {(cell_id, metric, member) for member in found} - self.members
            self.members |= fresh
            if fresh:
                added[cell_id, metric] = len(fresh)
        return added

    async def add_measures(
        self, deltas: Sequence[CellDelta]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        states = {}
        for delta in deltas:
            cell_id = delta.cell.cell_id
            newest = 0
            for growth in delta.measures:
                key = cell_id, growth.metric
                first = first_version(delta.cell.generation)
                old, version = self.measures.get(key, (Measure(0, None, None, None), first - 1))
                totals = [Decimal(t) for t in (old.total, growth.total) if t is not None]
                smallest = [m for m in (old.minimum, growth.minimum) if m is not None]
                largest = [m for m in (old.maximum, growth.maximum) if m is not None]
                self.measures[key] = (
                    Measure(
                        old.count + growth.count,
                        reduce(_WIDE.add, totals) if totals else None,
                        min(smallest, default=None),
                        max(largest, default=None),
                        _added_bins(old.bins, growth.bins),
                        min(_both(old.first_number, growth.first_number), default=None),
                        max(_both(old.last_number, growth.last_number), default=None),
                    ),
                    version + 1,
                )
                newest = max(newest, version + 1)
            measures = {m.metric: self.measures[cell_id, m.metric][0] for m in delta.measures}
            states[cell_id] = newest, measures
        return states

    async def read_measures(
        self, cell_ids: Sequence[bytes]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        found: dict[bytes, tuple[int, dict[str, Measure]]] = {}
        for (cell_id, metric), (measure, version) in self.measures.items():
            if cell_id in cell_ids:
                newest, measures = found.get(cell_id) or (0, {})
                found[cell_id] = max(newest, version), {**measures, metric: measure}
        return found

    async def add_cells(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            self.cells.setdefault(cell.cell_id, cell)

    async def add_made_cells(self, cells: Sequence[Cell]) -> None:
        for cell in cells:
            self.made_cells.setdefault(cell.cell_id, cell)


def _both(*sides: Any) -> list[list[Any]]:
    return [list(side) for side in sides if side is not None]


def _added_bins(*sides: Mapping[str, int] | None) -> dict[str, int] | None:
    there = [Counter(side) for side in sides if side is not None]
    return dict(sum(there, Counter())) if there else None

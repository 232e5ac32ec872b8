"""Stored events and recounts in memory, beside the counting store in memory."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

from services.aggregate.counting.generations import OpenRecount
from services.aggregate.model import StoredBatch
from services.aggregate.recount.model import GoneCell, PostponedError, Unit
from tests.support.aggregate_fakes import MemoryCountingStore


class MemoryRecounts:
    """Implements `recount.ports.Recounts`. `stored` are the batches that enrich has stored."""

    def __init__(self, counting: MemoryCountingStore) -> None:
        self.counting = counting
        self.stored: list[StoredBatch] = []
        self._newest = 0

    @asynccontextmanager
    async def open(self, unit: Unit) -> AsyncIterator["MemoryRecount"]:
        opened = self.begin(unit)
        try:
            yield opened
        finally:
            opened.abandon()

    def begin(self, unit: Unit) -> "MemoryRecount":
        """One step of `open`."""
        self._newest += 1
        counting, before = self.counting, self.counting.recounts
        covered = dict(before.covered)
        for batch in self.stored:
            if batch.batch_id not in counting.batches:
                generations = covered.get(batch.batch_id, frozenset())
                covered[batch.batch_id] = generations | {self._newest}
        ranges = [
            OpenRecount(self._newest, unit.app_id, found.rollup, found.start, found.end)
            for found in unit.ranges
        ]
        counting.recounts = replace(
            before, epoch=before.epoch + 1, open=[*before.open, *ranges], covered=covered
        )
        return MemoryRecount(self, unit, self._newest)


class MemoryRecount:
    """Implements `recount.ports.OpenedRecount`; a page is a batch."""

    def __init__(self, recounts: MemoryRecounts, unit: Unit, generation: int) -> None:
        self._counting = recounts.counting
        self._unit = unit
        self.generation = generation
        self.unread = list(recounts.stored)

    async def pages(
        self, names: Collection[str], start: int, end: int
    ) -> AsyncIterator[StoredBatch]:
        while self.unread:
            yield self.unread.pop()

    async def close(self) -> list[GoneCell]:
        counting = self._counting
        if not await counting.join_recount(self.generation):
            raise PostponedError
        old = [c for c in counting.cells.values() if self._holds(c.rollup, c.bucket)]
        new = [c for c in counting.made_cells.values() if c.generation == self.generation]
        for cell in old:
            del counting.cells[cell.cell_id]
        for cell in new:
            counting.cells[cell.cell_id] = counting.made_cells.pop(cell.cell_id)
        for cell in (*old, *new):
            counting.generations[cell.app_id, cell.rollup, cell.bucket] = self.generation
        rollups = {(self._unit.app_id, found.rollup) for found in self._unit.ranges}
        self._end(counting.recounts.recounted | rollups)
        return []

    def abandon(self) -> None:
        """The process that recounted is gone."""
        self._end(self._counting.recounts.recounted)
        made = self._counting.made_cells
        for cell in [c for c in made.values() if c.generation == self.generation]:
            del made[cell.cell_id]

    def _holds(self, rollup: str, bucket: int) -> bool:
        return self._unit.holds((self._unit.app_id, rollup, bucket))

    def _end(self, recounted: frozenset[tuple[str, str]]) -> None:
        state = self._counting.recounts
        still_open = [one for one in state.open if one.generation != self.generation]
        self._counting.recounts = replace(
            state, epoch=state.epoch + 1, open=still_open, recounted=recounted
        )

"""Watchers of live numbers: each holds the newest state of every cell that it has yet to be told."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from services.aggregate.model import CellState


class Versions:
    """The newest version seen of each cell, for the `limit` cells that changed last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._versions: OrderedDict[bytes, int] = OrderedDict()

    def is_newer(self, state: CellState) -> bool:
        """Whether neither this version nor a newer one was seen before; takes note of it."""
        cell_id = state.cell.cell_id
        if self._versions.get(cell_id, 0) >= state.version:
            return False
        self._versions[cell_id] = state.version
        self._versions.move_to_end(cell_id)
        if len(self._versions) > self._limit:
            self._versions.popitem(last=False)
        return True


class Watcher:
    """One WatchMetrics call. However slow it is, it holds one state per cell, and no more than
    `limit`: beyond that it forgets them and asks for a fresh start."""

    def __init__(self, rollups: frozenset[str], limit: int) -> None:
        self._rollups = rollups
        self._limit = limit
        self._versions = Versions(limit)
        self._pending: dict[bytes, CellState] = {}
        # Set where there is something to tell.
        self.changed = asyncio.Event()
        # True where messages may have been missed: the current buckets have to be read (again).
        self.stale = True

    def offer(self, state: CellState) -> None:
        """Takes a state of a cell, unless it is older than what the watcher knows."""
        if state.cell.rollup in self._rollups and self._versions.is_newer(state):
            self._pending[state.cell.cell_id] = state
            self.changed.set()
            if len(self._pending) > self._limit:
                self.restart()

    def restart(self) -> None:
        """Makes the watcher read the current buckets again."""
        self._pending.clear()
        self.stale = True
        self.changed.set()

    def begin(self, states: Iterable[CellState]) -> list[CellState]:
        """What to tell after reading `states`: these, or what has overtaken them meanwhile."""
        told = {state.cell.cell_id: state for state in self.take()}
        for state in states:
            if self._versions.is_newer(state):
                told[state.cell.cell_id] = state
        return list(told.values())

    def take(self) -> list[CellState]:
        """What has changed since the last time."""
        taken = list(self._pending.values())
        self._pending.clear()
        if not self.stale:
            self.changed.clear()
        return taken

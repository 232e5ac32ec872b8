"""What aggregate needs from outside. Counting has a suite of tests in `tests/contract/aggregate`,
which the fake of the unit tests passes too."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from services.aggregate.counting.generations import BucketKey, RecountState
from services.aggregate.model import (
    Cell,
    CellDelta,
    CellPage,
    CellQuery,
    CellState,
    Claimed,
    Measure,
    NewestCells,
    StoredBatch,
)
from services.aggregate.plan import AppPlan


class CountingTransaction(Protocol):
    """One transaction: all of it holds or none. Call the methods in this order: it is the order of
    the locks, the same in every transaction, and each takes its own in the order of the keys."""

    async def claim(self, batches: Sequence[StoredBatch]) -> Claimed:
        """Marks batches as counted; returns the ids that were not yet, and the epoch of recounts, which
        stays what it is until this transaction ends. Waits for a transaction that is claiming the same
        batch."""
        ...

    async def read_recounts(self, epoch: int) -> RecountState:
        """What counting has to know of recounts, at the epoch that was claimed with."""
        ...

    async def read_fences(self, people: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The fences of people, given by app and pseudonym, in microseconds since the epoch: nothing of a
        person counts that occurred at or before the fence."""
        ...

    async def read_generations(self, buckets: Sequence[BucketKey]) -> Mapping[BucketKey, int]:
        """The visible generations of buckets, without those of the first, 0."""
        ...

    async def mark_outdated(self, buckets: Sequence[BucketKey]) -> None:
        """Has buckets recounted that this process does not count into: see `counting.agreement`."""
        ...

    async def join_recount(self, generation: int) -> bool:
        """Instead of `claim`, for a transaction of a recount itself: whether it is still open. It stays so
        until this transaction ends."""
        ...

    async def add_members(
        self, members: Mapping[tuple[bytes, str], set[str]]
    ) -> Mapping[tuple[bytes, str], int]:
        """Stores members by (cell id, metric); returns how many were not there, without zeros."""
        ...

    async def add_measures(
        self, deltas: Sequence[CellDelta]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        """Adds up measures; returns version and absolute state of each cell's metrics by cell id.
        `first_version` of its generation means that the cell itself may not be stored yet."""
        ...

    async def read_measures(
        self, cell_ids: Sequence[bytes]
    ) -> Mapping[bytes, tuple[int, Mapping[str, Measure]]]:
        """Version and absolute state of the cells that are stored, as `add_measures` returns them."""
        ...

    async def add_cells(self, cells: Sequence[Cell]) -> None:
        """Stores cells; those that are there stay as they are."""
        ...

    async def add_made_cells(self, cells: Sequence[Cell]) -> None:
        """The same for cells that recounts are making: no reader sees them before their recount is closed."""
        ...


class CountingStore(Protocol):
    """Where the numbers are."""

    def transaction(self) -> AbstractAsyncContextManager[CountingTransaction]:
        """Commits on leaving, rolls back on an exception."""
        ...


class CellReader(Protocol):
    """Reads the numbers."""

    async def cells(self, query: CellQuery, app: AppPlan) -> CellPage:
        """Up to `query.limit` cells by bucket, then dimensions, then id; fewer, but at least one, when
        they are more than a message holds. Dimensions that are too long are cut. Raises InvalidArgument
        when `query.after` refers to a cell that is gone."""
        ...

    async def newest_buckets(self, app_id: str, rollups: Sequence[str]) -> Mapping[str, datetime]:
        """The start of the newest bucket of each rollup that has one."""
        ...

    async def newest_cells(
        self,
        app: AppPlan,
        buckets: Mapping[str, datetime],
        after: CellState | None,
        least: Mapping[str, int] = MappingProxyType({}),
    ) -> NewestCells:
        """Cells of one bucket of each of the plan's rollups, the first ones or those after `after`; of the
        rollups in `least` without the values that are of fewer people."""
        ...


class ChangePublisher(Protocol):
    """Passes changes on to the watchers of every process."""

    async def has_watchers(self) -> bool:
        """Whether any process has watchers. One whose first watcher comes later reads from Postgres what was
        committed before this was asked."""
        ...

    async def publish(self, states: Sequence[CellState]) -> None:
        """Publishes new states of cells. A state may come late or twice: its version says which is newer."""
        ...

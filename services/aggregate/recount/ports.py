"""What a recount needs from outside."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from services.aggregate.model import StoredBatch
from services.aggregate.recount.model import DirtyBucket, GoneCell, Unit


class OpenedRecount(Protocol):
    """A recount that counting knows of: changes go into its generation too."""

    @property
    def generation(self) -> int:
        """A number that no other recount has."""
        ...

    def pages(self, names: Collection[str], start: int, end: int) -> AsyncIterator[StoredBatch]:
        """The app's events of these names that occurred from `start` (inclusive) to `end` (exclusive), in
        seconds since the epoch, as they were when the recount was opened: in pages that look like batches."""
        ...

    async def close(self) -> Sequence[GoneCell]:
        """Shows the cells of this generation to readers, in place of those before it; all at once. The cells
        that are in the buckets no more, not all of very many. Raises PostponedError if the recount is not
        open any more."""
        ...


class Recounts(Protocol):
    """Opens recounts."""

    def open(self, unit: Unit) -> AbstractAsyncContextManager[OpenedRecount]:
        """Begins a recount. One that is not closed when the block ends never happened. Raises
        PostponedError."""
        ...


class DirtyBuckets(Protocol):
    """Which buckets have to be recounted."""

    async def newest(self, rollups: Sequence[tuple[str, str]], limit: int) -> Sequence[DirtyBucket]:
        """Dirty buckets of some rollups, which are given with their apps; the newest first."""
        ...

    async def unmark(self, marks: Sequence[int]) -> None:
        """Leaves buckets as they are, unless they were marked again."""
        ...


class Turns(Protocol):
    """Lets one replica at a time recount."""

    async def is_work_left(self) -> bool:
        """Whether buckets are dirty, or anything is left of an earlier recount."""
        ...

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is this replica's turn, until the block ends."""
        ...

    async def abandon_all(self) -> int:
        """Ends recounts whose processes are gone; how many."""
        ...

    async def clean(self) -> int:
        """Deletes what is left of cells that no reader sees; how many cells."""
        ...

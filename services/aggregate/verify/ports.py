"""What a verification needs from outside."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from libs.events.recount import RecountedCells
from services.aggregate.verify.model import CountedCells, VerifyQuery, Window


class Snapshot(Protocol):
    """One state of the numbers and of the stored events. Methods raise LimitExceeded for more than one
    window may hold, DeadlineExceeded for a statement that takes too long."""

    async def event_days(self, query: VerifyQuery) -> Mapping[str, Mapping[datetime, int]]:
        """By name and day (UTC): how many events occurred then; none for a day without any."""
        ...

    async def cell_days(self, query: VerifyQuery) -> Mapping[str, Mapping[datetime, int]]:
        """By rollup and day: how many cells have a bucket that begins then; none for a day without any."""
        ...

    async def counted(self, query: VerifyQuery, window: Window) -> CountedCells:
        """The cells that are stored."""
        ...

    async def recounted(self, query: VerifyQuery, window: Window) -> RecountedCells:
        """The cells that the stored events come to."""
        ...

    async def uncounted_batches(self, counted_until: datetime) -> set[bytes]:
        """Batches that are stored and not counted; all that were received before `counted_until` are."""
        ...


class Snapshots(Protocol):
    """Opens snapshots."""

    def open(self) -> AbstractAsyncContextManager[Snapshot]:
        """The newest state; leave it soon."""
        ...


class Streams(Protocol):
    """What the streams say of batches on their way."""

    def watermark(self) -> datetime | None:
        """All batches that were received before it are counted; None if that is not known."""
        ...

    async def quarantined(self) -> frozenset[bytes]:
        """Stored batches that no reader could count."""
        ...

"""What all questions about behaviour are answered with, and the turn that each of them waits for."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from libs.catalog import Catalogs
from libs.common.clock import Clock
from services.aggregate.read_slots import ReadSlots


@dataclass(frozen=True, slots=True)
class Turn:
    """One question's turn: what was stored before it began, None if that is not known, and how many events it
    may read, 0 for all."""

    watermark: datetime | None
    limit: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`watermark`: see `libs.streams.watermark.WatermarkMeter.current`. `max_events`: beyond so many, people
    are sampled."""

    catalogs: Catalogs
    clock: Clock
    watermark: Callable[[], datetime | None]
    slots: ReadSlots
    max_events: int

    @asynccontextmanager
    async def turn(self, *, exact: bool, cost: int = 1) -> AsyncIterator[Turn]:
        """Holds a slot inside the block. An event of this question costs as much as `cost` of others. Raises
        LimitExceeded if too many wait."""
        async with self.slots.hold():
            # Before the events are read: what it promises is stored.
            yield Turn(self.watermark(), 0 if exact else max(1, self.max_events // cost))

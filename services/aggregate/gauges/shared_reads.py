"""One look at an app's gauges for all who watch them at the same time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.clock import Clock
from services.aggregate.gauges.presence import Presence, PresenceReader
from services.aggregate.plan import AppPlan


@dataclass(frozen=True, slots=True)
class _Read:
    app: AppPlan
    moment_us: int
    found: Mapping[str, Presence | None]


class SharedReads:
    """Reads all gauges of an app, and gives out what was read for `seconds`."""

    def __init__(self, reader: PresenceReader, clock: Clock, seconds: float) -> None:
        self._reader = reader
        self._clock = clock
        self._valid_us = int(seconds * 1_000_000)
        self._reads: dict[str, _Read] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def read(self, app: AppPlan) -> tuple[int, Mapping[str, Presence | None]]:
        """When they were read, in microseconds since the epoch, and what is there, by gauge; None for one
        that lacks events."""
        async with self._locks.setdefault(app.app_id, asyncio.Lock()):
            known = self._reads.get(app.app_id)
            now_us = self._clock.now_us()
            if (
                known is None
                or known.app is not app
                or not 0 <= now_us - known.moment_us < self._valid_us
            ):
                plans = list(app.gauges.values())
                found = await self._reader.read(app.app_id, [(plan, None) for plan in plans])
                names = [plan.gauge.name for plan in plans]
                known = _Read(app, now_us, dict(zip(names, found, strict=True)))
                self._reads[app.app_id] = known
        return known.moment_us, known.found

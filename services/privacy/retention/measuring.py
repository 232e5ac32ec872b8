"""What is overdue, as a metric that an alert can use."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import structlog

from libs.common.clock import Clock
from libs.runtime.loops import pause, until_stopped
from services.privacy import metrics
from services.privacy.retention.driving import TargetAway

log = structlog.get_logger()


class Overdue(Protocol):
    """See `service.RetentionTargets`."""

    async def overdue(self, app_id: str) -> Sequence[Any]:
        """What is past its limit, of all services. Raises TargetAway."""
        ...


class OverdueMeter:
    """Asks all services from time to time. Each replica asks for itself, so each one's metric is right."""

    def __init__(self, targets: Overdue, clock: Clock, seconds: float) -> None:
        self._targets = targets
        self._clock = clock
        self._seconds = seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Measures until `stop` is set, and waits for no answer then; while a service is away, the last
        answer stays, with its time."""
        await until_stopped(self._go_on(stop), stop)

    async def _go_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.measure()
            except TargetAway as error:
                log.warning("retention cannot be measured", reason=str(error))
            await pause(stop, self._seconds)

    async def measure(self) -> None:
        """Sets the metrics to what is overdue now. Raises TargetAway."""
        rows = Counter[tuple[str, str, str]]()
        for found in await self._targets.overdue(""):
            rows[found.store, found.app_id, found.kept_because] += found.rows
        metrics.OVERDUE.clear()
        for labels, count in rows.items():
            metrics.OVERDUE.labels(*labels).set(count)
        metrics.OVERDUE_MEASURED.set(self._clock.now_us() / 1_000_000)

"""What aggregate has counted, as the streams in Redis say it."""

import asyncio
from datetime import datetime

from redis.asyncio import Redis

from libs.common.clock import Clock
from libs.streams.watermark import WatermarkMeter

# Under load there is always something uncounted: then it takes two measurements, apart from each other.
_MEASUREMENTS = 5
_PAUSE_SECONDS = 2.0


class CountedBatches:
    """Measures the watermark when it is asked for."""

    def __init__(
        self, redis: Redis, shards: int, clock: Clock, pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._meter = WatermarkMeter(redis, shards, clock)
        self._pause_seconds = pause_seconds

    async def before(self) -> datetime | None:
        """Everything received before this moment is counted, except for batches in quarantine. None if
        aggregate is too far behind to know. Raises REDIS_DOWN."""
        for attempt in range(_MEASUREMENTS):
            if attempt:
                await asyncio.sleep(self._pause_seconds)
            await self._meter.measure()
            if (found := self._meter.current()) is not None:
                return found
        return None

"""How far aggregate is behind, for dashboards and autoscalers."""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN
from services.aggregate import metrics

INTERVAL_SECONDS = 2.0


class LagMeter:
    """Measures the age of the oldest entry that the group has not acknowledged.

    By Redis's own clock, which is also the one in the entries' ids.
    """

    def __init__(self, redis: Redis, streams: Sequence[str], group: str) -> None:
        self._redis = redis
        self._streams = streams
        self._group = group

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until told to stop."""
        await repeat(
            self._measure_all,
            INTERVAL_SECONDS,
            stop,
            transient=REDIS_DOWN,
            warning="the lag is not known",
        )

    async def _measure_all(self) -> None:
        for stream in self._streams:
            lag_seconds, pending = await self.measure(stream)
            metrics.LAG_SECONDS.labels(stream).set(lag_seconds)
            metrics.PENDING.labels(stream).set(pending)

    async def measure(self, stream: str) -> tuple[float, int]:
        """Seconds since the oldest unacknowledged entry was added, and how many are pending."""
        try:
            summary = await self._redis.xpending(stream, self._group)
            groups = await self._redis.xinfo_groups(stream)
        except ResponseError:  # neither stream nor group is there yet
            return 0.0, 0
        pending = int(summary["pending"])
        oldest = summary["min"]
        if not pending:
            [last] = [g["last-delivered-id"] for g in groups if g["name"] == self._group.encode()]
            unread = await self._redis.xrange(stream, min=b"(" + last, count=1)
            if not unread:
                return 0.0, 0
            oldest = unread[0][0]
        seconds, microseconds = await self._redis.time()
        added_ms = int(bytes(oldest).split(b"-")[0])
        return max(0.0, seconds + microseconds / 1e6 - added_ms / 1e3), pending

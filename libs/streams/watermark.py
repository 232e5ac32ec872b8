"""The watermark: everything that ingest received before it is counted.

A batch waits in two places: in a raw stream until enrich has stored and forwarded it, and in an enriched
stream until aggregate has counted it. Enrich may forward a batch long after later ones, so the oldest entry
of the enriched streams does not say what they hold. But what was added to them after a moment was waiting in
the raw streams at that moment: so the watermark is what the raw streams said before the oldest uncounted
entry was forwarded.
"""

import asyncio
from collections import deque
from datetime import datetime

from redis.asyncio import Redis

from libs.common.clock import Clock, moment_of
from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN
from libs.streams.names import AGGREGATE, ENRICH, enriched_stream, raw_stream, streams_of
from libs.streams.positions import oldest_waiting_ms

_INTERVAL_SECONDS = 2.0
# An older measurement says nothing: the process may have been stopped, or Redis away.
VALID_SECONDS = 30.0
# Between receiving an event and appending it: twice as long as a call may take, because the clocks of ingest
# and of Redis differ by a little too.
APPENDING_SECONDS = 60.0
# More than five hours of backlog, measured every two seconds.
_REMEMBERED = 10_000


class ForwardedBatches:
    """From which moment on raw streams still held batches, each time that it was measured. Pure; all times
    are milliseconds of Redis's clock."""

    def __init__(self) -> None:
        self._measured: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    def note(self, measured_ms: int, waiting_ms: int) -> None:
        """At `measured_ms`, or shortly before, everything appended before `waiting_ms` was forwarded."""
        self._measured.append((measured_ms, waiting_ms))

    def counted_ms(self, uncounted_ms: int | None) -> int | None:
        """Everything appended before this is counted, if the oldest entry that is not was forwarded at
        `uncounted_ms`; None for that if everything forwarded is counted. None if that cannot be known: the
        entry was forwarded before the first measurement."""
        if not self._measured:
            return None
        if uncounted_ms is None:
            return self._measured[-1][1]
        # Of an entry of the very millisecond it is not known which came first.
        newest_first = reversed(self._measured)
        return next(
            (waiting for measured, waiting in newest_first if measured < uncounted_ms), None
        )


class WatermarkMeter:
    """Measures the watermark of the suite, again and again."""

    def __init__(self, redis: Redis, shards: int, clock: Clock) -> None:
        self._redis = redis
        self._raw = streams_of(shards, raw_stream)
        self._enriched = streams_of(shards, enriched_stream)
        self._clock = clock
        self._forwarded = ForwardedBatches()
        self._counted_ms: int | None = None
        self._measured_us = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Measures every two seconds until `stop` is set."""
        await repeat(
            self.measure,
            _INTERVAL_SECONDS,
            stop,
            transient=REDIS_DOWN,
            warning="the watermark cannot be measured",
        )

    def current(self) -> datetime | None:
        """Everything received before this moment was counted when it was last measured, except for batches in
        quarantine. None if that is not known, or was measured more than VALID_SECONDS ago."""
        age_us = self._clock.now_us() - self._measured_us
        if self._counted_ms is None or not 0 <= age_us <= VALID_SECONDS * 1e6:
            return None
        return moment_of(self._counted_ms * 1_000 - int(APPENDING_SECONDS * 1e6))

    def counted(self, appended_before: datetime) -> bool:
        """Whether everything that was in the streams before a moment, by Redis's clock, was counted when it
        was last measured, except for batches in quarantine."""
        age_us = self._clock.now_us() - self._measured_us
        if self._counted_ms is None or not 0 <= age_us <= VALID_SECONDS * 1e6:
            return False
        return self._counted_ms > appended_before.timestamp() * 1_000

    async def measure(self) -> None:
        """Measures once. Raises REDIS_DOWN."""
        now_us = self._clock.now_us()
        # Before and after reading: what is appended meanwhile may be missed, what is forwarded meanwhile too.
        before_ms = await self._redis_ms()
        waiting_ms = await oldest_waiting_ms(self._redis, self._raw, ENRICH)
        self._forwarded.note(
            await self._redis_ms(), before_ms if waiting_ms is None else min(before_ms, waiting_ms)
        )
        uncounted_ms = await oldest_waiting_ms(self._redis, self._enriched, AGGREGATE)
        self._counted_ms = self._forwarded.counted_ms(uncounted_ms)
        self._measured_us = now_us

    async def _redis_ms(self) -> int:
        seconds, microseconds = await self._redis.time()
        return int(seconds) * 1_000 + int(microseconds) // 1_000

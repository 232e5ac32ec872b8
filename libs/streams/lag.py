"""How far a group of readers is behind: the age of the oldest entry that it has not acknowledged.

Measured while nothing moves too: a reader that hangs, or that has nothing to read it with, falls behind like
any other.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from libs.common.clock import Clock
from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN
from libs.streams import metrics
from libs.streams.day_only import says_day_only
from libs.streams.entries import Fields, dead_letter_batch, enriched_batch, raw_batch
from libs.streams.positions import AT_THE_BEGINNING, group_positions, oldest_entry

INTERVAL_SECONDS = 2.0

# When ingest received what is in an entry, in microseconds since the epoch; 0 if the entry does not say. It
# says the beginning of a day if it holds counts-only events, of which nothing finer is kept.
ReceivedUs = Callable[[Fields], int]


@dataclass(frozen=True)
class Lag:
    """Of one stream and group; all 0 if everything is acknowledged."""

    # Since the oldest entry that is not acknowledged was added, by Redis's clock on both ends.
    waiting_seconds: float = 0.0
    # Since ingest received the oldest event in it, by ingest's clock and this process's.
    age_seconds: float = 0.0
    # Entries delivered to a reader and not acknowledged.
    pending: int = 0


class LagMeter:
    """Measures the lag of one group on its streams, and publishes it as `weir_stream_*` gauges."""

    def __init__(
        self,
        redis: Redis,
        group: str,
        streams: Sequence[str],
        received_us: ReceivedUs,
        clock: Clock,
    ) -> None:
        self._redis = redis
        self._group = group
        self._streams = streams
        self._received_us = received_us
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Measures every `INTERVAL_SECONDS` until `stop` is set."""
        await repeat(
            self._measure_all,
            INTERVAL_SECONDS,
            stop,
            transient=REDIS_DOWN,
            warning="the lag cannot be measured",
        )

    async def _measure_all(self) -> None:
        try:
            for stream in self._streams:
                self._publish(stream, await self.measure(stream))
        except REDIS_DOWN:
            # An old number would look like a good one.
            for stream in self._streams:
                self._publish(stream, Lag(math.nan, math.nan, pending=0))
            raise

    def _publish(self, stream: str, lag: Lag) -> None:
        metrics.WAITING_SECONDS.labels(self._group, stream).set(lag.waiting_seconds)
        metrics.AGE_SECONDS.labels(self._group, stream).set(lag.age_seconds)
        metrics.PENDING.labels(self._group, stream).set(lag.pending)

    async def measure(self, stream: str) -> Lag:
        """The lag of one stream. A group that is not there yet has acknowledged nothing."""
        [positions] = await group_positions(self._redis, [stream])
        position = positions.get(self._group.encode(), AT_THE_BEGINNING)
        pending = position.pending
        oldest = await oldest_entry(self._redis, stream, position)
        if oldest is None:
            return Lag(pending=pending)
        entry_id, fields = oldest
        seconds, microseconds = await self._redis.time()
        added_ms = int(entry_id.split(b"-")[0])
        waiting = max(0.0, seconds + microseconds / 1e6 - added_ms / 1e3)
        received_us = self._received(fields)
        says_moment = not says_day_only(received_us)
        age = (self._clock.now_us() - received_us) / 1e6 if says_moment else waiting
        # Clocks of two machines differ by a little.
        return Lag(waiting, max(age, 0.0), pending)

    def _received(self, fields: Fields) -> int:
        try:
            return self._received_us(fields)
        except (DecodeError, KeyError):  # an unreadable entry, which the reader will quarantine
            return 0


def raw_received_us(fields: Fields) -> int:
    """Of an entry of `raw_stream`: when ingest received its batch, in microseconds since the epoch."""
    return raw_batch(fields).received_at_us


def enriched_received_us(fields: Fields) -> int:
    """Of an entry of `enriched_stream`: when ingest received its batch, in microseconds since the epoch."""
    _, batch = enriched_batch(fields)
    return batch.received_at_us


def dead_letters_received_us(fields: Fields) -> int:
    """Of an entry with dead letters: when ingest received the first of them; 0 if there is none."""
    letters = dead_letter_batch(fields).dead_letters
    return letters[0].received_at_us if letters else 0

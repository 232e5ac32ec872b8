"""Streams are trimmed by acknowledged position, never by length: what is not done is not removed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from redis.asyncio import Redis

from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN
from libs.streams.positions import EntryId, group_positions

INTERVAL_SECONDS = 0.25


class StreamTrimmer:
    """Trims a service's streams every `INTERVAL_SECONDS`, and then calls `measure_backlog`, which sees what
    is left of them."""

    def __init__(
        self, redis: Redis, streams: Sequence[str], measure_backlog: Callable[[], Awaitable[None]]
    ) -> None:
        self._redis = redis
        self._streams = streams
        self._measure_backlog = measure_backlog
        # By stream, where it begins since it was last trimmed.
        self._trimmed: dict[str, EntryId] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; waits while Redis is down."""
        await repeat(
            self._trim_and_measure,
            INTERVAL_SECONDS,
            stop,
            transient=REDIS_DOWN,
            warning="streams cannot be trimmed",
        )

    async def _trim_and_measure(self) -> None:
        await self.trim()
        await self._measure_backlog()

    async def trim(self) -> int:
        """Removes the entries that every group of their stream has acknowledged; returns how many.

        Never removes an entry that a group has not read, or has read and not acknowledged. A stream
        without groups is left as it is: its readers have not come up yet.
        """
        positions = await group_positions(self._redis, self._streams)
        floors = {
            stream: min(position.first_needed for position in of_stream.values())
            for stream, of_stream in zip(self._streams, positions, strict=True)
            if of_stream
        }
        moved = {
            stream: floor for stream, floor in floors.items() if self._trimmed.get(stream) != floor
        }
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream, (milliseconds, sequence) in moved.items():
                pipeline.xtrim(stream, minid=f"{milliseconds}-{sequence}", approximate=False)
            removed = sum(map(int, await pipeline.execute()))
        self._trimmed |= moved
        return removed

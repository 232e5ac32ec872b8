"""Streams are trimmed by acknowledged position, never by length: what is not done is not removed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN

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
        for stream in self._streams:
            await trim_acknowledged(self._redis, stream)
        await self._measure_backlog()


async def trim_acknowledged(redis: Redis, stream: str) -> int:
    """Removes the entries that every group has acknowledged; returns how many.

    Never removes an entry that a group has not read, or has read and not acknowledged. A stream
    without groups is left as it is: its readers have not come up yet.
    """
    try:
        groups = await redis.xinfo_groups(stream)
    except ResponseError:  # no such stream
        return 0
    if not groups:
        return 0
    floors = [await _first_needed(redis, stream, group) for group in groups]
    minimum = min(floors)
    return int(await redis.xtrim(stream, minid="{}-{}".format(*minimum), approximate=False))


async def _first_needed(redis: Redis, stream: str, group: Mapping[str, Any]) -> tuple[int, int]:
    if group["pending"]:
        summary = await redis.xpending(stream, group["name"])
        if summary["min"] is not None:
            return _entry_id(summary["min"])
    milliseconds, sequence = _entry_id(group["last-delivered-id"])
    return milliseconds, sequence + 1


def _entry_id(text: bytes) -> tuple[int, int]:
    """Milliseconds and sequence number, which order ids."""
    milliseconds, sequence = text.split(b"-")
    return int(milliseconds), int(sequence)

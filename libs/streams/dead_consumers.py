"""Removes the names of consumers that are gone from their groups: each process leaves one behind."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ResponseError

SCRIPT = Path(__file__).with_name("dead_consumers.lua")
# A living consumer asks for entries several times a second, unless it is paused. One that is removed all the
# same, or begins just then, is added again by its next read, and has lost nothing.
LEAST_IDLE = timedelta(days=1)


async def remove_dead_consumers(
    redis: Redis, group: str, streams: Sequence[str], least_idle: timedelta = LEAST_IDLE
) -> int:
    """Removes consumers that have nothing pending and were idle for `least_idle`; returns how many.

    What a dead consumer has pending is claimed by others first.
    """
    script = redis.register_script(SCRIPT.read_text())
    idle_ms = int(least_idle.total_seconds() * 1000)
    removed = 0
    for stream in streams:
        try:
            removed += int(await script(keys=[stream], args=[group, idle_ms]))
        except ResponseError as error:
            # Neither the stream nor the group is there yet.
            if "no such key" not in str(error) and "NOGROUP" not in str(error):
                raise
    return removed

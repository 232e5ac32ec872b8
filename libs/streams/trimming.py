"""Streams are trimmed by acknowledged position, never by length: what is not done is not removed."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError


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

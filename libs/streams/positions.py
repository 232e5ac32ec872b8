"""How far the groups of a stream have come: what each of them still needs of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from libs.common.clock import moment_of
from libs.streams.entries import Fields

# Milliseconds and sequence number, which order entries.
EntryId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class GroupPosition:
    """How far one group has come on one stream."""

    # Entries delivered to a reader and not acknowledged.
    pending: int
    # No older entry is needed: the oldest pending one, or else the first that may still be delivered.
    first_needed: EntryId


# Of a group that is not there yet: it has acknowledged nothing.
AT_THE_BEGINNING = GroupPosition(pending=0, first_needed=(0, 0))


async def oldest_entry(
    redis: Redis, stream: str, position: GroupPosition
) -> tuple[bytes, Fields] | None:
    """Id and fields of the oldest entry that the group has not acknowledged; None if there is none."""
    # A pending entry may have been deleted by hand: then the next one is the oldest that is left.
    start = "{}-{}".format(*position.first_needed)
    first = cast(list[tuple[bytes, Fields]], await redis.xrange(stream, min=start, count=1))
    return first[0] if first else None


async def oldest_waiting_ms(redis: Redis, streams: Sequence[str], group: str) -> int | None:
    """When the oldest entry that the group has not acknowledged was added, in milliseconds of Redis's clock;
    None if there is none."""
    found = []
    for stream, positions in zip(streams, await group_positions(redis, streams), strict=True):
        oldest = await oldest_entry(redis, stream, positions.get(group.encode(), AT_THE_BEGINNING))
        if oldest is not None:
            found.append(int(oldest[0].split(b"-")[0]))
    return min(found, default=None)


async def are_handled(
    redis: Redis, streams: Sequence[str], group: str, appended_before: datetime
) -> bool:
    """Whether the group has acknowledged everything that was added to the streams before a moment, by Redis's
    clock. A stream that is not there has nothing."""
    waiting_ms = await oldest_waiting_ms(redis, streams, group)
    return waiting_ms is None or waiting_ms >= appended_before.timestamp() * 1_000


async def redis_now(redis: Redis) -> datetime:
    """The time by Redis's clock: what is added after the return has a later one, or the same millisecond."""
    seconds, microseconds = await redis.time()
    return moment_of(int(seconds) * 1_000_000 + int(microseconds))


async def group_positions(redis: Redis, streams: Sequence[str]) -> list[dict[bytes, GroupPosition]]:
    """Of each stream the positions of its groups by name; none for a stream that is not there. At most two
    round trips, whatever the number of streams.

    A position may be too old by the time that it is returned, and is never too new.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for stream in streams:
            pipeline.xinfo_groups(stream)
        groups_of = [_groups(reply) for reply in await pipeline.execute(raise_on_error=False)]
    asked = [
        (stream, group["name"])
        for stream, groups in zip(streams, groups_of, strict=True)
        for group in groups
        if group["pending"]
    ]
    async with redis.pipeline(transaction=False) as pipeline:
        for stream, name in asked:
            pipeline.xpending(stream, name)
        oldest = {
            place: summary["min"]
            for place, summary in zip(asked, await pipeline.execute(), strict=True)
        }
    return [
        {group["name"]: _position(group, oldest.get((stream, group["name"]))) for group in groups}
        for stream, groups in zip(streams, groups_of, strict=True)
    ]


def _groups(reply: object) -> list[Mapping[str, Any]]:
    if isinstance(reply, ResponseError) and "no such key" in str(reply):
        return []
    if isinstance(reply, Exception):
        raise reply
    return cast(list[Mapping[str, Any]], reply)


def _position(group: Mapping[str, Any], oldest: bytes | None) -> GroupPosition:
    # What was pending may have been acknowledged between the two questions.
    if oldest is not None:
        return GroupPosition(int(group["pending"]), _entry_id(oldest))
    milliseconds, sequence = _entry_id(group["last-delivered-id"])
    return GroupPosition(int(group["pending"]), (milliseconds, sequence + 1))


def _entry_id(text: bytes) -> EntryId:
    milliseconds, sequence = text.split(b"-")
    return int(milliseconds), int(sequence)

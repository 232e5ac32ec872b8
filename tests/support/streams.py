"""What tests want to know of a stream."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from tests.support.waiting import until


async def settled(client: Redis, stream: str, *, pending: int = 0) -> None:
    """Returns when the stream's one group has read all, and acknowledged all but `pending` entries."""

    async def is_settled() -> bool:
        last = (await client.xinfo_stream(stream))["last-generated-id"]
        groups = await client.xinfo_groups(stream)
        return [(g["last-delivered-id"], g["pending"]) for g in groups] == [(last, pending)]

    await until(is_settled)


async def entries_in(client: Redis, stream: str) -> list[Mapping[bytes, bytes]]:
    """The fields of each entry that the stream has, the oldest first."""
    entries: Any = await client.xrange(stream)
    return [fields for _, fields in entries]

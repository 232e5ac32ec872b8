"""Entries of streams as tests write and read them: bytes, which redis-py's types do not say."""

from collections.abc import Mapping
from typing import Any, cast

import redis as sync_redis
from redis.asyncio import Redis

from tests.support.waiting import until


async def settled(client: Redis, stream: str, *, pending: int = 0) -> None:
    """Returns when the stream's one group has read all, and acknowledged all but `pending` entries."""

    async def is_settled() -> bool:
        last = (await client.xinfo_stream(stream))["last-generated-id"]
        groups = await client.xinfo_groups(stream)
        return [(g["last-delivered-id"], g["pending"]) for g in groups] == [(last, pending)]

    await until(is_settled)


# An entry's id and its fields.
Entries = list[tuple[bytes, dict[bytes, bytes]]]


async def entries_of(client: Redis, stream: str) -> Entries:
    """All entries of a stream, oldest first."""
    return cast(Entries, await client.xrange(stream))


async def entries_in(client: Redis, stream: str) -> list[Mapping[bytes, bytes]]:
    """The fields of each entry of a stream, oldest first."""
    return [fields for _, fields in await entries_of(client, stream)]


def entries_now(client: sync_redis.Redis, stream: str) -> Entries:
    """All entries, through a client that waits."""
    return cast(Entries, client.xrange(stream))


async def add_entry(
    client: Redis, stream: str, fields: Mapping[str, bytes], entry_id: str = "*"
) -> bytes:
    """Appends an entry; returns its id."""
    untyped: dict[Any, Any] = dict(fields)
    return cast(bytes, await client.xadd(stream, untyped, id=entry_id))

"""Entries that cannot be handled: tried alone, a few times, and then put aside with all they hold."""

from typing import Any

import structlog
from redis.asyncio import Redis

from libs.common.sharding import shard_in
from libs.streams import metrics
from libs.streams.groups import Entry
from libs.streams.names import attempts_key, poison_stream

log = structlog.get_logger()


class QuarantineFullError(Exception):
    """So many entries were put aside that the fault is ours and not theirs; the stream keeps them."""


class Quarantine:
    """Counts attempts where a killed process does not forget them.

    The stream's own delivery counts would not do: they also grow for entries that were merely
    delivered together with the one that kills, and while a store is down.
    """

    def __init__(self, redis: Redis, group: str, *, max_attempts: int, max_entries: int) -> None:
        self._redis = redis
        self._group = group
        self._max_attempts = max_attempts
        self._max_entries = max_entries

    async def admit(self, entry: Entry) -> bool:
        """Takes note of an attempt before it is made; False where there were enough already."""
        key = attempts_key(self._group, shard_in(entry.stream))
        return int(await self._redis.hincrby(key, _field(entry), 1)) <= self._max_attempts

    async def forget(self, entry: Entry) -> None:
        """Takes the attempts back: the entry is done, or was not the reason for the failure."""
        await self._redis.hdel(attempts_key(self._group, shard_in(entry.stream)), _field(entry))

    async def put_aside(self, entry: Entry) -> None:
        """Moves the entry to the poison stream, acknowledged. Raises QuarantineFullError."""
        shard = shard_in(entry.stream)
        poison = poison_stream(self._group, shard)
        if await self._redis.xlen(poison) >= self._max_entries:
            raise QuarantineFullError(f"{poison} has {self._max_entries} entries")
        fields: dict[Any, Any] = dict(entry.fields.items())
        # One transaction, so that the entry is always in one of the two streams.
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(poison, {**fields, b"stream": entry.stream, b"entry": entry.entry_id})
            pipeline.xack(entry.stream, self._group, entry.entry_id)
            pipeline.hdel(attempts_key(self._group, shard), _field(entry))
            await pipeline.execute()
        metrics.POISON.labels(self._group).inc()
        log.error("entry put aside", stream=entry.stream.decode(), entry=entry.entry_id.decode())


def _field(entry: Entry) -> str:
    return f"{entry.stream.decode()} {entry.entry_id.decode()}"

"""Entries that cannot be counted: tried alone, a few times, and then put aside with all they hold."""

from typing import Any

import structlog
from redis.asyncio import Redis

from libs.common.sharding import shard_key
from libs.common.streams import Entry
from services.aggregate import metrics

log = structlog.get_logger()


def poison_stream(shard: int) -> str:
    """Where entries of a shard are put aside, with their fields and `entry`, the id they had."""
    return shard_key("aggregate", shard, "poison")


def attempts_key(shard: int) -> str:
    """A hash of entry id to the number of attempts at it alone that did not end well."""
    return shard_key("aggregate", shard, "attempts")


class Quarantine:
    """Counts attempts where a killed process does not forget them.

    The stream's own delivery counts would not do: they also grow for entries that were merely
    delivered together with the one that kills, and while a store is down.
    """

    def __init__(
        self,
        redis: Redis,
        group: str,
        streams: dict[bytes, int],
        *,
        max_attempts: int,
        max_entries: int,
    ) -> None:
        self._redis = redis
        self._group = group
        # Shards by stream.
        self._streams = streams
        self._max_attempts = max_attempts
        self._max_entries = max_entries

    async def admit(self, entry: Entry) -> bool:
        """Takes note of an attempt; False where there were enough, and the entry is put aside."""
        shard = self._streams[entry.stream]
        attempts = await self._redis.hincrby(attempts_key(shard), entry.entry_id.decode(), 1)
        if attempts <= self._max_attempts:
            return True
        if await self._redis.xlen(poison_stream(shard)) >= self._max_entries:
            # So many are not poison: something is wrong here, and the stream keeps them.
            log.error("no entry is put aside any more", stream=entry.stream.decode())
            return False
        await self._put_aside(entry, shard)
        return False

    async def forget(self, entry: Entry) -> None:
        """Takes the attempts back: the entry is counted, or was not the reason for the failure."""
        shard = self._streams[entry.stream]
        await self._redis.hdel(attempts_key(shard), entry.entry_id.decode())

    async def _put_aside(self, entry: Entry, shard: int) -> None:
        # One transaction, so that the entry is always in one of the two streams.
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(poison_stream(shard), _fields(entry))
            pipeline.xack(entry.stream, self._group, entry.entry_id)
            pipeline.hdel(attempts_key(shard), entry.entry_id.decode())
            await pipeline.execute()
        metrics.POISON.labels(entry.stream.decode()).inc()
        log.error("entry put aside", stream=entry.stream.decode(), entry=entry.entry_id.decode())


def _fields(entry: Entry) -> dict[Any, Any]:
    return {**dict(entry.fields.items()), b"entry": entry.entry_id}

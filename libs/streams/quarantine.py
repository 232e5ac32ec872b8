"""Quarantine: entries that no reader can handle are tried alone a few times, and then kept apart whole."""

from typing import Any

import structlog
from redis.asyncio import Redis

from libs.common.sharding import shard_in
from libs.streams import metrics
from libs.streams.groups import Entry
from libs.streams.names import attempts_key, dead_lettered_key, quarantine_stream

log = structlog.get_logger()
# How long an entry whose events became dead letters counts.
_DEAD_LETTERED_SECONDS = 3600


class QuarantineFullError(Exception):
    """So many entries failed that the fault is in the release or its set-up, not in the entries."""


class Quarantine:
    """Counts attempts in Redis, where a killed process does not lose them, and limits how many may go.

    The stream's own delivery counts would not do: they also grow for entries that were merely
    delivered together with the one that kills, and while a store is down.

    A shard is full with `max_entries` entries in its quarantine stream, or dead-lettered within an hour: so
    a release that fails at everything cannot empty a stream.
    """

    def __init__(self, redis: Redis, group: str, *, max_attempts: int, max_entries: int) -> None:
        self._redis = redis
        self._group = group
        self._max_attempts = max_attempts
        self._max_entries = max_entries

    async def admit(self, entry: Entry) -> bool:
        """Counts an attempt before it is made. True if it is to be made: there were fewer attempts than the
        limit, or the shard is full. Otherwise the entry is to be dead-lettered or quarantined."""
        shard = shard_in(entry.stream)
        attempts = await self._redis.hincrby(attempts_key(self._group, shard), _field(entry), 1)
        return int(attempts) <= self._max_attempts or await self._is_full(shard)

    async def forget(self, entry: Entry) -> None:
        """Forgets the attempts: the entry is done."""
        await self._redis.hdel(attempts_key(self._group, shard_in(entry.stream)), _field(entry))

    async def refund_attempt(self, entry: Entry) -> None:
        """Uncounts the last attempt: the entry was not the reason for the failure."""
        key = attempts_key(self._group, shard_in(entry.stream))
        if int(await self._redis.hincrby(key, _field(entry), -1)) <= 0:
            await self._redis.hdel(key, _field(entry))

    async def note_dead_lettered(self, entry: Entry) -> None:
        """Counts an entry whose events became dead letters unprocessed."""
        key = dead_lettered_key(self._group, shard_in(entry.stream))
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(key, 0, ex=_DEAD_LETTERED_SECONDS, nx=True)
            pipeline.incr(key)
            await pipeline.execute()

    async def add(self, entry: Entry) -> None:
        """Moves the entry to the quarantine stream, acknowledged. Raises QuarantineFullError."""
        shard = shard_in(entry.stream)
        if await self._is_full(shard):
            raise QuarantineFullError(f"{self._max_entries} entries of shard {shard}")
        # One that was put back with all its fields is in quarantine from now on.
        fields: dict[Any, Any] = {k: v for k, v in entry.fields.items() if k != b"since"}
        # One transaction, so that the entry is always in one of the two streams.
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(
                quarantine_stream(self._group, shard),
                {**fields, b"stream": entry.stream, b"entry": entry.entry_id},
            )
            pipeline.xack(entry.stream, self._group, entry.entry_id)
            pipeline.hdel(attempts_key(self._group, shard), _field(entry))
            await pipeline.execute()
        metrics.QUARANTINED.labels(self._group).inc()
        log.error("entry quarantined", stream=entry.stream.decode(), entry=entry.entry_id.decode())

    async def _is_full(self, shard: int) -> bool:
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xlen(quarantine_stream(self._group, shard))
            pipeline.get(dead_lettered_key(self._group, shard))
            quarantined, dead_lettered = await pipeline.execute()
        return int(quarantined) + int(dead_lettered or 0) >= self._max_entries


def _field(entry: Entry) -> str:
    return f"{entry.stream.decode()} {entry.entry_id.decode()}"

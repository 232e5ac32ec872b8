"""Trims ingest's streams by acknowledged position, and limits their backlog."""

import asyncio

from redis.asyncio import Redis

from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN
from libs.streams.names import ingest_dead_letters, raw_stream
from libs.streams.trimming import trim_acknowledged
from services.ingest import metrics
from services.ingest.intake.redis import RedisRawStream

INTERVAL_SECONDS = 0.25


class StreamMaintenance:
    """Trims and measures the streams of all shards, again and again."""

    def __init__(self, redis: Redis, stream: RedisRawStream, shards: int) -> None:
        self._redis = redis
        self._stream = stream
        self._shards = shards

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; waits while Redis is down."""
        await repeat(
            self._maintain,
            INTERVAL_SECONDS,
            stop,
            transient=REDIS_DOWN,
            warning="stream maintenance waits",
        )

    async def _maintain(self) -> None:
        for shard in range(self._shards):
            await trim_acknowledged(self._redis, raw_stream(shard))
            await trim_acknowledged(self._redis, ingest_dead_letters(shard))
            backlog = await self._stream.measure_backlog(shard)
            self._stream.limit_backlog(shard, backlog)
            metrics.BACKLOG_ENTRIES.labels(shard).set(backlog.entries)
            metrics.BACKLOG_BYTES.labels(shard).set(backlog.size_bytes)

"""What ingest does beside its calls: trims its streams by acknowledged position, measures the backlog."""

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
    """Keeps the raw streams as short as their readers allow."""

    def __init__(self, redis: Redis, stream: RedisRawStream, shards: int) -> None:
        self._redis = redis
        self._stream = stream
        self._shards = shards

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until told to stop; while Redis is down there is nothing to keep up."""
        await repeat(
            self._keep,
            INTERVAL_SECONDS,
            stop,
            transient=REDIS_DOWN,
            warning="upkeep waits",
        )

    async def _keep(self) -> None:
        for shard in range(self._shards):
            await trim_acknowledged(self._redis, raw_stream(shard))
            await trim_acknowledged(self._redis, ingest_dead_letters(shard))
            entries, size = await self._stream.measure_backlog(shard)
            metrics.BACKLOG_ENTRIES.labels(shard).set(entries)
            metrics.BACKLOG_BYTES.labels(shard).set(size)

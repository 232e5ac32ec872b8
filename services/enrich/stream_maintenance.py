"""Trims what aggregate has read from enrich's streams, and measures what it has not read."""

import asyncio

from redis.asyncio import Redis

from libs.runtime.loops import repeat
from libs.stores.redis_client import REDIS_DOWN
from libs.streams.names import enrich_dead_letters, enriched_stream
from libs.streams.trimming import trim_acknowledged
from services.enrich.settings import EnrichSettings

INTERVAL_SECONDS = 0.25


class StreamMaintenance:
    """Keeps the enriched streams short; sets `backpressure` while they exceed their limit all the same."""

    def __init__(self, redis: Redis, backpressure: asyncio.Event, settings: EnrichSettings) -> None:
        self._redis = redis
        self._backpressure = backpressure
        self._settings = settings

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
        size = 0
        for shard in range(self._settings.shards):
            stream = enriched_stream(shard)
            await trim_acknowledged(self._redis, stream)
            await trim_acknowledged(self._redis, enrich_dead_letters(shard))
            size += int(await self._redis.memory_usage(stream, samples=5) or 0)
        if size > self._settings.max_enriched_bytes:
            self._backpressure.set()
        else:
            self._backpressure.clear()

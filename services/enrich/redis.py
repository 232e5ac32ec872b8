"""Enrich's own streams in Redis: stored batches for aggregate, and dead letters."""

from collections.abc import Sequence

from libs.stores.redis_client import RedisClient
from libs.streams.names import enrich_dead_letters, enriched_stream
from services.enrich import convert, metrics
from services.enrich.model import WorkBatch


class RedisEnrichedStream:
    """Implements `ports.EnrichedStream`. Writing a batch again is harmless: aggregate counts each batch id
    once, and dead letters have ids that follow from the batch."""

    def __init__(self, redis: RedisClient, shards: int) -> None:
        self._redis = redis
        self._commands = redis.commands
        self._shards = shards

    async def write_dead_letters(self, batches: Sequence[WorkBatch]) -> None:
        """Appends one entry for each batch with failed events; on disk on return."""
        await self._commands.run(
            *(
                (
                    "XADD",
                    enrich_dead_letters(batch.shard),
                    "*",
                    "batch",
                    convert.dead_letters(batch),
                )
                for batch in batches
                if batch.failed
            )
        )

    async def forward(self, batches: Sequence[WorkBatch]) -> None:
        """Appends one entry for each batch of which anything was stored; on disk on return."""
        added = await self._commands.run(
            *(
                (
                    *("XADD", enriched_stream(batch.shard), "*"),
                    *("batch", convert.enriched_batch(batch), "trace", batch.traceparent),
                    *("id", batch.batch_id, "size", batch.size_bytes),
                )
                for batch in batches
                if len(batch.skipped) < len(batch.events)
            )
        )
        metrics.FORWARDED.inc(len(added))

    async def size_bytes(self) -> int:
        """How much memory the forwarded batches use in Redis."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for shard in range(self._shards):
                pipeline.memory_usage(enriched_stream(shard), samples=5)
            return sum(int(size or 0) for size in await pipeline.execute())

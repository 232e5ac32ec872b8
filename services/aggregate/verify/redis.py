"""What the streams say of batches on their way."""

from datetime import datetime

from redis.asyncio import Redis

from libs.streams.deliverable import (
    BacklogError,
    BatchSource,
    deliverable_batches,
    enriched_batch_id,
)
from libs.streams.names import AGGREGATE, quarantine_stream
from libs.streams.watermark import WatermarkMeter


class RedisStreams:
    """Implements `ports.Streams`."""

    def __init__(self, redis: Redis, shards: int, meter: WatermarkMeter) -> None:
        self._redis = redis
        self._meter = meter
        self._sources = [
            BatchSource(quarantine_stream(AGGREGATE, shard), enriched_batch_id)
            for shard in range(shards)
        ]

    def watermark(self) -> datetime | None:
        """See the port."""
        return self._meter.current()

    async def quarantined(self) -> frozenset[bytes]:
        """See the port. None if there are too many to be read: then they count as on their way."""
        try:
            return await deliverable_batches(self._redis, self._sources)
        except BacklogError:
            return frozenset()

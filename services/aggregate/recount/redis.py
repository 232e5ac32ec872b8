"""Which stored batches may be put back by hand, from quarantine."""

from functools import partial

from redis.asyncio import Redis

from libs.streams.deliverable import (
    BacklogError,
    BatchSource,
    deliverable_batches,
    enriched_batch_id,
    raw_batch_id,
)
from libs.streams.names import AGGREGATE, ENRICH, quarantine_stream, streams_of
from services.aggregate.recount.model import PostponedError


class Quarantine:
    """The quarantine of aggregate, and that of enrich: it may have stored a batch without handing it on."""

    def __init__(self, redis: Redis, shards: int) -> None:
        self._redis = redis
        counted = streams_of(shards, partial(quarantine_stream, AGGREGATE))
        stored = streams_of(shards, partial(quarantine_stream, ENRICH))
        self._sources = [
            *(BatchSource(name, raw_batch_id) for name in stored),
            *(BatchSource(name, enriched_batch_id) for name in counted),
        ]

    async def batches(self) -> frozenset[bytes]:
        """The ids of the batches there, 16 bytes each. Raises PostponedError if they are too many."""
        try:
            return await deliverable_batches(self._redis, self._sources)
        except BacklogError as error:
            raise PostponedError(str(error)) from None

"""How much of Redis an event id takes that ingest remembers, to know it again."""

from redis import Redis

from tests.bench.load import WrongCountsError


def bytes_per_id(redis_url: str, app_id: str, ids: int) -> float:
    """Bytes of all keys in which ingest keeps the app's ids, with what Redis itself needs for them, over the
    number of `ids` that were sent within the dedupe window.

    Raises WrongCountsError if ingest keeps none.
    """
    with Redis.from_url(redis_url) as redis:
        keys = list(redis.scan_iter(match=f"ingest:*:{app_id}:*", count=1_000))
        if not keys:
            raise WrongCountsError(f"{app_id}: ingest remembers no ids in Redis")
        with redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.memory_usage(key)
            sizes = pipeline.execute()
    return sum(size or 0 for size in sizes) / ids

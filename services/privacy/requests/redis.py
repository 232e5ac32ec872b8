"""The clock of the streams."""

from datetime import datetime

from redis.asyncio import Redis

from libs.streams.positions import redis_now


class RedisStreamClock:
    """Implements `waiting.StreamClock`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def now(self) -> datetime:
        """See the port. Raises what Redis raises."""
        return await redis_now(self._redis)

"""Says in Redis that keys were retired: who remembers keys of the app asks for them again."""

import uuid

from libs.common.errors import Unavailable
from libs.sealing.keys import RETIRED_KEYS
from libs.stores.redis_client import REDIS_DOWN, RedisClient


class RetiredKeys:
    """The hash `RETIRED_KEYS`."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def announce(self, app_id: str) -> None:
        """In the transaction that retires keys, behind its lock: who asks for keys from then on waits for its
        end. Raises Unavailable while Redis is away."""
        try:
            await self._redis.hset(RETIRED_KEYS, app_id, uuid.uuid4().hex)
        except REDIS_DOWN as error:
            raise Unavailable("Redis does not answer", retry_after_seconds=1.0) from error

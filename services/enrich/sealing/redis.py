"""Whether keys of people were retired since they were asked for."""

from collections.abc import Mapping, Sequence

from libs.sealing.keys import RETIRED_KEYS
from libs.stores.redis_client import RedisClient


class RedisRetirements:
    """Implements `known_keys.Retirements`."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def latest(self, app_ids: Sequence[str]) -> Mapping[str, object]:
        """See the port. Raises what Redis raises."""
        found = await self._redis.hmget(RETIRED_KEYS, list(app_ids))
        return dict(zip(app_ids, found, strict=True))

"""A person in the gauges: who is there now, by pseudonym."""

import re
from collections.abc import Sequence

from libs.stores.redis_client import RedisClient
from services.aggregate.gauges.redis import gauges_key

# What has a meaning in a pattern of Redis.
_SPECIAL = re.compile(r"([][*?\\])")


async def leave_gauges(redis: RedisClient, app_id: str, persons: Sequence[str]) -> int:
    """Takes the person out of all gauges of an app; how many gauges the person was in."""
    pattern = _SPECIAL.sub(r"\\\1", gauges_key(app_id)) + "*"
    left = 0
    async for key in redis.scan_iter(match=pattern, count=500):
        kind = await redis.type(key)
        if kind == b"zset":
            removed = int(await redis.zrem(key, *persons))
            if key.endswith(b":all"):
                left += removed
        elif kind == b"hash":
            await redis.hdel(key, *persons)
    return left

"""Which batches kill their reader: attempts are counted where a killed process does not forget them."""

from redis.asyncio import Redis

from libs.common.sharding import shard_key
from libs.common.streams import Entry


class Attempts:
    """Attempts at an abandoned entry, alone, that did not come to any end.

    The stream's own delivery counts would not do: they also grow for entries that were merely delivered
    together with the one that kills, and while a store is down.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def begin(self, entry: Entry, shard: int) -> int:
        """Takes note of an attempt before it is made; returns how many have come to no end, with it."""
        return int(await self._redis.hincrby(_key(shard), entry.entry_id.decode(), 1))

    async def end(self, entry: Entry, shard: int) -> None:
        """Forgets them: the process has survived the entry, whatever became of it."""
        await self._redis.hdel(_key(shard), entry.entry_id.decode())


def _key(shard: int) -> str:
    return shard_key("enrich", shard, "attempts")

"""A stream to work on, its entries and its groups."""

from collections.abc import Sequence

from libs.stores.redis_client import RedisClient
from libs.streams.groups import ConsumerGroup, Entry

STREAM = "test:{0}:work"


def group_of(
    client: RedisClient, name: str = "g", consumer: str = "one", idle: float = 0.0
) -> ConsumerGroup:
    return ConsumerGroup(client, [STREAM], name, consumer, idle)


async def add(client: RedisClient, count: int, size: int = 1) -> list[bytes]:
    """Numbered entries of about `size` bytes; returns their ids."""
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.xadd(STREAM, {"n": number, "pad": b"x" * size})
        added: list[bytes] = await pipeline.execute()
    return added


def ids_of(entries: Sequence[Entry]) -> list[bytes]:
    return [entry.entry_id for entry in entries]


async def read_all(group: ConsumerGroup) -> list[Entry]:
    found: list[Entry] = []
    while entries := await group.read(0.001):
        found += entries
    return found

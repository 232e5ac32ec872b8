"""Which shard an event goes to, and the keys of a shard in Redis."""

import re
from zlib import crc32


def shard_of(app_id: str, key: str, shards: int) -> int:
    """The shard of `key` (subject, else session, else event id) among `shards`, from 0.

    One key always goes to the same shard, so that one person's events stay in order.
    """
    if shards == 1:
        return 0
    return crc32(f"{app_id}\x00{key}".encode()) % shards


def shard_key(service: str, shard: int, *parts: str) -> str:
    """A Redis key of `service`; the braces make Redis Cluster keep one shard's keys together."""
    return ":".join((service, f"{{{shard}}}", *parts))


def shard_in(key: bytes) -> int:
    """The shard in a key that `shard_key` made. Raises ValueError for another."""
    found = re.search(rb"\{(\d+)\}", key)
    if found is None:
        raise ValueError(f"not a key of a shard: {key!r}")
    return int(found[1])

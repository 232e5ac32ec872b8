"""Which shard an event goes to, and the keys of a shard in Redis."""

import re
from zlib import crc32

from weir.common.v1.event_pb2 import Event


def shard_of(app_id: str, key: str, shards: int) -> int:
    """The shard of `key` (a person, or what `event_shard_key` returns) among `shards`, from 0.

    One key always goes to the same shard, so that one person's events stay in order.
    """
    if shards == 1:
        return 0
    return crc32(f"{app_id}\x00{key}".encode()) % shards


def event_shard_key(event: Event, event_id: str) -> str:
    """What decides an event's shard: the first that it has of subject id, anonymous id, session id; else
    `event_id`."""
    return event.subject_id or event.anonymous_id or event.session_id or event_id


def shard_key(service: str, shard: int, *parts: str) -> str:
    """A Redis key of `service`; the braces make Redis Cluster keep one shard's keys together."""
    return ":".join((service, f"{{{shard}}}", *parts))


def shard_in(key: bytes) -> int:
    """The shard in a key that `shard_key` made. Raises ValueError for another."""
    found = re.search(rb"\{(\d+)\}", key)
    if found is None:
        raise ValueError(f"not a key of a shard: {key!r}")
    return int(found[1])

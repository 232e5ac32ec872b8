"""Of counts-only events nothing says a time finer than the day, in UTC. What Weir itself would note with a
time, when it received them and the ids of their batches, says the day alone as well."""

import hashlib
import os

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog
from libs.common.clock import DAY_US

_DAY_SECONDS = DAY_US // 1_000_000
_DAY_MS = DAY_US // 1_000
_TIME_BYTES = 6


def has_day_only(catalog: Catalog, name: str) -> bool:
    """Whether of an event of this name nothing finer than its day may be kept. A name that the catalog does
    not declare may be that of a counts-only event, misspelt."""
    counts_only = catalog.counts_only_events
    return name in counts_only or (bool(counts_only) and name not in catalog.events)


def cut_to_day(event: Event) -> None:
    """Makes the event's time the beginning of its day. An event without one stays without."""
    if event.HasField("occurred_at"):
        event.occurred_at.seconds -= event.occurred_at.seconds % _DAY_SECONDS
        event.occurred_at.nanos = 0


def day_start_us(us: int) -> int:
    """The beginning of a moment's day, both in microseconds since the epoch."""
    return us - us % DAY_US


def day_batch_id(batch_id: bytes, now_us: int) -> bytes:
    """A UUIDv7 of the last millisecond of the day, made from the batch's own: 16 bytes. What is looked for
    among the ids from some moment on is found as before, because this one is never too low."""
    last_ms = (day_start_us(now_us) + DAY_US) // 1_000 - 1
    rest = bytearray(hashlib.sha256(batch_id).digest()[: 16 - _TIME_BYTES])
    rest[0] = rest[0] & 0x0F | 0x70
    rest[2] = rest[2] & 0x3F | 0x80
    return last_ms.to_bytes(_TIME_BYTES, "big") + bytes(rest)


def random_mark(batch_id: bytes) -> bytes:
    """What stands for a batch of this id beside the ids of its events, 16 bytes: of the same time, and else
    random, so that it does not lead from an event to what is recorded of the batch."""
    return batch_id[:_TIME_BYTES] + os.urandom(16 - _TIME_BYTES)


def in_whole_days(window_ms: int) -> int:
    """A window of duplicates, in milliseconds: whole days, because of the ids in it only the day is known."""
    return -(-window_ms // _DAY_MS) * _DAY_MS

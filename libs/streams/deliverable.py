"""Which batches can still be delivered: all that are in a stream, acknowledged or not, or in quarantine."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from libs.streams.entries import Fields, enriched_batch, raw_batch
from libs.streams.names import (
    AGGREGATE,
    ENRICH,
    enriched_stream,
    quarantine_stream,
    raw_stream,
    streams_of,
)

# A stream with more has a backlog: reading all of it would add to the load just then.
MAX_ENTRIES = 10_000
MAX_BYTES = 1024**3
# In one answer of Redis: of the largest entries, 4 MiB, no more memory than a chunk takes.
_PAGE = 16
_ID_BYTES = 16

BatchId = Callable[[Fields], bytes]


class BacklogError(Exception):
    """A stream is too long or too large to be read through now; the message names it."""


@dataclass(frozen=True)
class BatchSource:
    """A stream whose entries hold a batch each, and how to find its id."""

    stream: str
    batch_id: BatchId


def raw_batch_id(fields: Fields) -> bytes:
    """Of an entry of `raw_stream`. Raises DecodeError and KeyError for an entry that is none."""
    return fields.get(b"id") or raw_batch(fields).batch_id


def enriched_batch_id(fields: Fields) -> bytes:
    """Of an entry of `enriched_stream`. Raises DecodeError and KeyError for an entry that is none."""
    return fields.get(b"id") or enriched_batch(fields)[1].batch_id


def sources_for_enrich(shards: int) -> list[BatchSource]:
    """Everything from which a batch can get to enrich (again), in the order in which it must be read."""
    quarantine = partial(quarantine_stream, ENRICH)
    names = streams_of(shards, quarantine, raw_stream, quarantine)
    return [BatchSource(name, raw_batch_id) for name in names]


def sources_for_aggregate(shards: int) -> list[BatchSource]:
    """Everything from which a batch can get to aggregate (again): enrich forwards what it gets again."""
    quarantine = partial(quarantine_stream, AGGREGATE)
    before = streams_of(shards, quarantine)
    after = streams_of(shards, enriched_stream, quarantine)
    return [
        *(BatchSource(name, enriched_batch_id) for name in before),
        *sources_for_enrich(shards),
        *(BatchSource(name, enriched_batch_id) for name in after),
    ]


async def deliverable_batches(redis: Redis, sources: Sequence[BatchSource]) -> frozenset[bytes]:
    """The ids of all batches in the sources, 16 bytes each. Raises BacklogError.

    Acknowledged entries count, because a group that is lost starts over with the oldest entry. Sources are
    read one after the other, in the direction in which batches move, so that none slips past; quarantine is
    read first and last, because batches go there and are put back from there.
    """
    found: set[bytes] = set()
    for source in sources:
        if await redis.xlen(source.stream) > MAX_ENTRIES:
            raise BacklogError(f"{source.stream} has more than {MAX_ENTRIES} entries")
        size = 0
        async for fields in _entries(redis, source.stream):
            size += sum(map(len, fields.values()))
            if size > MAX_BYTES:
                raise BacklogError(f"{source.stream} has more than {MAX_BYTES} bytes")
            try:
                batch_id = source.batch_id(fields)
            except (DecodeError, KeyError):
                continue  # no reader can handle it either
            if len(batch_id) == _ID_BYTES:
                found.add(batch_id)
    return frozenset(found)


async def _entries(redis: Redis, stream: str) -> AsyncIterator[Fields]:
    after = b"-"
    while page := await redis.xrange(stream, min=after, count=_PAGE):
        for entry_id, fields in cast(list[tuple[bytes, Fields]], page):
            yield fields
            after = b"(" + entry_id

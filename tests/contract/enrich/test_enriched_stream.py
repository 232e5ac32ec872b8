"""What every `ports.EnrichedStream` promises: RedisClient, and the fake that tests of the pipeline use."""

import uuid
from collections.abc import AsyncIterator, Set
from typing import Protocol

import pytest
from weir.streams.v1 import batch_pb2

from libs.stores.redis_client import RedisClient, create_redis
from libs.streams.entries import enriched_batch
from libs.streams.names import enrich_dead_letters, enriched_stream
from services.enrich.model import WorkBatch
from services.enrich.ports import EnrichedStream
from services.enrich.redis import RedisEnrichedStream
from tests.support.enrich_batches import enriched, event, work_batch
from tests.support.enrich_fakes import MemoryEnrichedStream
from tests.support.streams import entries_in


class Written(Protocol):
    """A stream writer, and what readers find."""

    stream: EnrichedStream

    async def forwarded(self) -> list[tuple[bytes, Set[int]]]:
        """Batch ids and skipped positions of the entries."""

    async def dead_letters(self) -> list[tuple[bytes, int, str]]:
        """Batch id, position and message of each dead letter, once for each time it was written."""


class _Memory:
    def __init__(self) -> None:
        self._fake = MemoryEnrichedStream()
        self.stream: EnrichedStream = self._fake

    async def forwarded(self) -> list[tuple[bytes, Set[int]]]:
        return self._fake.forwarded

    async def dead_letters(self) -> list[tuple[bytes, int, str]]:
        return [
            (batch_id, failed.position, failed.reason)
            for batch_id, failed in self._fake.dead_letters.elements()
        ]


class _Redis:
    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self.stream: EnrichedStream = RedisEnrichedStream(client, shards=1)

    async def forwarded(self) -> list[tuple[bytes, Set[int]]]:
        found: list[tuple[bytes, Set[int]]] = []
        for fields in await entries_in(self._client, enriched_stream(0)):
            message, batch = enriched_batch(fields)
            found.append((batch.batch_id, set(message.skipped)))
        return found

    async def dead_letters(self) -> list[tuple[bytes, int, str]]:
        letters = [
            letter
            for fields in await entries_in(self._client, enrich_dead_letters(0))
            for letter in batch_pb2.DeadLetterBatch.FromString(fields[b"batch"]).dead_letters
        ]
        return [(*_origin(letter.dead_letter_id), letter.message) for letter in letters]


def _origin(letter_id: bytes) -> tuple[bytes, int]:
    """The batch of these tests and the position that the id was made of."""
    return next(
        (batch.bytes, position)
        for batch in (uuid.uuid5(uuid.NAMESPACE_OID, name) for name in "ab")
        for position in range(9)
        if uuid.uuid5(batch, str(position)).bytes == letter_id
    )


@pytest.fixture(params=["memory", "redis"])
async def written(request: pytest.FixtureRequest) -> AsyncIterator[Written]:
    if request.param == "memory":
        yield _Memory()
        return
    client = create_redis(request.getfixturevalue("redis_url"))
    yield _Redis(client)
    await client.aclose()


def _batch(name: str, events: int, *failed: int) -> WorkBatch:
    batch = enriched(work_batch(*(event(f"{name}{n}") for n in range(events)), name=name))
    for position in failed:
        batch.fail(position, f"error {position}")
    return batch


async def test_batches_are_forwarded_in_order_unless_nothing_of_them_was_stored(
    written: Written,
) -> None:
    one, none_left, two = _batch("a", 3, 1), _batch("b", 2, 0, 1), _batch("b", 1)
    await written.stream.forward([one, none_left, two])
    assert await written.forwarded() == [(one.batch_id, {1}), (two.batch_id, set())]


async def test_each_failed_event_is_a_dead_letter(written: Written) -> None:
    one, two = _batch("a", 3, 2, 0), _batch("b", 2)
    await written.stream.write_dead_letters([one, two])
    assert sorted(await written.dead_letters()) == [
        (one.batch_id, 0, "error 0"),
        (one.batch_id, 2, "error 2"),
    ]
    # Written again they have the same ids, by which the reader keeps each of them once.
    await written.stream.write_dead_letters([one])
    assert len(await written.dead_letters()) == 4
    assert len(set(await written.dead_letters())) == 2


async def test_nothing_is_written_of_nothing(written: Written) -> None:
    await written.stream.forward([])
    await written.stream.write_dead_letters([_batch("a", 1)])
    assert await written.forwarded() == []
    assert await written.dead_letters() == []

"""What every `ports.RawStream` promises: Redis, and the fake that tests of ingest use."""

import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

import pytest
from redis.asyncio import Redis
from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.stores.redis_client import create_redis
from libs.stores.redis_commands import RedisCommands
from libs.streams.entries import raw_batch
from libs.streams.names import ingest_dead_letters, raw_stream
from services.ingest.intake.model import Append, Appended, Backlog, DeadLetter, Rejection
from services.ingest.intake.ports import RawStream
from services.ingest.intake.redis import RedisRawStream
from services.ingest.settings import IngestSettings
from tests.support.clocks import NOW_US
from tests.support.ingest_fakes import MemoryRawStream
from tests.support.streams import entries_in


class Written(Protocol):
    """A stream, what readers find in it, and whether it is full."""

    stream: RawStream

    async def events(self, shard: int = 0) -> list[list[str]]:
        """The ids of each entry's events, without those that it skips."""

    async def letters(self, shard: int = 0) -> list[list[bytes]]:
        """The ids of each entry's dead letters."""

    def fill_up(self, *, full: bool) -> None:
        """Makes shard 0 full, or no longer."""


class _Memory:
    def __init__(self) -> None:
        self._fake = MemoryRawStream()
        self.stream: RawStream = self._fake

    async def events(self, shard: int = 0) -> list[list[str]]:
        found = [
            [event.event_id for position, event in enumerate(append.events) if position not in skip]
            for (place, append), skip in zip(self._fake.appends, self._fake.skipped, strict=True)
            if place == shard
        ]
        return [ids for ids in found if ids]

    async def letters(self, shard: int = 0) -> list[list[bytes]]:
        found = [
            [letter.dead_letter_id for letter in append.dead_letters]
            for place, append in self._fake.appends
            if place == shard
        ]
        return [ids for ids in found if ids]

    def fill_up(self, *, full: bool) -> None:
        self._fake.full_shards = {0} if full else set()


class _Redis:
    def __init__(self, client: Redis, commands: RedisCommands) -> None:
        self._client = client
        self._writer = RedisRawStream(client, commands, IngestSettings())
        self.stream: RawStream = self._writer

    async def events(self, shard: int = 0) -> list[list[str]]:
        found = []
        for fields in await entries_in(self._client, raw_stream(shard)):
            batch = raw_batch(fields)
            skip = [int(position) for position in fields[b"skip"].split(b",") if position]
            found.append([e.event_id for n, e in enumerate(batch.events) if n not in skip])
        return found

    async def letters(self, shard: int = 0) -> list[list[bytes]]:
        return [
            [
                letter.dead_letter_id
                for letter in batch_pb2.DeadLetterBatch.FromString(fields[b"batch"]).dead_letters
            ]
            for fields in await entries_in(self._client, ingest_dead_letters(shard))
        ]

    def fill_up(self, *, full: bool) -> None:
        self._writer.limit_backlog(0, Backlog(1, 2**50 if full else 0))


@pytest.fixture(params=["memory", "redis"])
async def written(request: pytest.FixtureRequest) -> AsyncIterator[Written]:
    if request.param == "memory":
        yield _Memory()
        return
    redis_url = request.getfixturevalue("redis_url")
    client, commands = create_redis(redis_url), RedisCommands(redis_url)
    yield _Redis(client, commands)
    await commands.aclose()
    await client.aclose()


def _uuid(name: str) -> bytes:
    return uuid.uuid5(uuid.NAMESPACE_OID, name).bytes


def _append(
    batch: str,
    *ids: str,
    prints: Sequence[int] = (),
    keys: Sequence[str] = (),
    letters: Sequence[bytes] = (),
    app_id: str = "chess",
) -> Append:
    """Batches of one name have one id; `prints` are fingerprints, `keys` idempotency keys, of each event."""
    rejection = Rejection("FIELD_INVALID", "name", "wrong")
    return Append(
        app_id=app_id,
        # A UUIDv7 of this time.
        batch_id=(NOW_US // 1000).to_bytes(6, "big") + b"\x70" + _uuid(batch)[:9],
        received_at_us=NOW_US,
        events=[Event(event_id=name) for name in ids],
        event_uuids=b"".join(map(_uuid, ids)),
        fingerprints=b"".join(p.to_bytes(4, "big") for p in prints or [0] * len(ids)),
        idempotency_uuids=b"".join(_uuid(key) if key else bytes(16) for key in keys),
        dead_letters=[
            DeadLetter(0, name, app_id, NOW_US, rejection, Event(event_id="x")) for name in letters
        ],
        traceparent="",
        dedupe_window_seconds=24 * 3600,
    )


def _seen(*positions: int, conflicts: Collection[int] = ()) -> Appended:
    return Appended(frozenset(positions), frozenset(conflicts))


async def test_an_event_is_appended_once(written: Written) -> None:
    stream = written.stream
    assert await stream.append(0, _append("one", "a", "b")) == _seen()
    assert await stream.append(0, _append("two", "b", "c", "a")) == _seen(0, 2)
    assert await stream.append(0, _append("three", "c", "b")) == _seen(0, 1)
    assert await written.events() == [["a", "b"], ["c"]]


async def test_a_duplicate_with_another_payload_is_a_conflict(written: Written) -> None:
    await written.stream.append(0, _append("one", "a", "b", prints=[1, 2]))
    again = _append("two", "a", "b", "c", prints=[1, 3, 3])
    assert await written.stream.append(0, again) == _seen(0, 1, conflicts=[1])


async def test_a_batch_may_come_again(written: Written) -> None:
    """The answer to its first append was lost: it gets the same one, and nothing is appended."""
    await written.stream.append(0, _append("one", "a", prints=[1]))
    two = _append("two", "a", "b", prints=[2, 2], letters=[b"l" * 16])
    for _ in range(2):
        assert await written.stream.append(0, two) == _seen(0, conflicts=[0])
    assert await written.events() == [["a"], ["b"]]
    assert await written.letters() == [[b"l" * 16]]


async def test_one_idempotency_key_is_one_event_whatever_its_id(written: Written) -> None:
    stream = written.stream
    one = _append("one", "a", "b", "c", keys=["k", "", ""])
    assert await stream.append(0, one) == _seen()
    two = _append("two", "d", "e", "f", prints=[0, 0, 1], keys=["k", "", "k"])
    assert await stream.append(0, two) == _seen(0, 2, conflicts=[2])
    assert await written.events() == [["a", "b", "c"], ["e"]]


async def test_of_two_events_of_a_batch_with_one_key_the_first_counts(written: Written) -> None:
    one = _append("one", "a", "b", "c", prints=[1, 2, 1], keys=["k", "k", "k"])
    for _ in range(2):
        assert await written.stream.append(0, one) == _seen(1, 2, conflicts=[1])
    assert await written.events() == [["a"]]


async def test_a_key_is_no_id(written: Written) -> None:
    assert await written.stream.append(0, _append("one", "a", keys=["b"])) == _seen()
    assert await written.stream.append(0, _append("two", "b", keys=["a"])) == _seen()


async def test_apps_and_shards_have_ids_of_their_own(written: Written) -> None:
    await written.stream.append(0, _append("one", "a"))
    assert await written.stream.append(0, _append("two", "a", app_id="go")) == _seen()
    assert await written.stream.append(1, _append("three", "a")) == _seen()
    assert (await written.events(0), await written.events(1)) == ([["a"], ["a"]], [["a"]])


async def test_dead_letters_come_with_events_or_alone(written: Written) -> None:
    assert await written.stream.append(0, _append("one", "a", letters=[b"1" * 16])) == _seen()
    assert await written.stream.append(0, _append("two", letters=[b"2" * 16])) == _seen()
    # Every event of this one is a duplicate.
    three = _append("three", "a", letters=[b"3" * 16, b"4" * 16])
    assert await written.stream.append(0, three) == _seen(0)
    assert await written.events() == [["a"]]
    assert await written.letters() == [[b"1" * 16], [b"2" * 16], [b"3" * 16, b"4" * 16]]


async def test_a_full_shard_takes_nothing_and_marks_nothing(written: Written) -> None:
    one = _append("one", "a", letters=[b"1" * 16])
    written.fill_up(full=True)
    assert await written.stream.append(0, one) is None
    assert (await written.events(), await written.letters()) == ([], [])
    assert await written.stream.append(1, _append("two", "a")) == _seen()
    written.fill_up(full=False)
    # Sent again, in another batch: none of it was seen.
    assert await written.stream.append(0, _append("three", "a")) == _seen()
    assert await written.events() == [["a"]]

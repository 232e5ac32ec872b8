"""The append script on a real Redis: new events are appended once, others are reported."""

import random
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis
from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.stores.redis_commands import RedisCommands
from libs.streams.entries import raw_batch
from libs.streams.names import ingest_dead_letters, raw_stream
from services.ingest.intake.model import Append, Appended, DeadLetter, Rejection
from services.ingest.intake.redis import RedisRawStream
from services.ingest.settings import IngestSettings
from tests.support.streams import entries_of

# Of this size compressed as well, or nearly: 4 bits a character.
LARGE = random.Random(1).randbytes(250_000).hex()
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# In the middle of a dedupe window of a day, which begins at midnight UTC.
NOON_MS = 20_700 * DAY_MS + 12 * HOUR_MS


def _uuid(name: str) -> bytes:
    return uuid.uuid5(uuid.NAMESPACE_OID, name).bytes


def _batch_id(now_ms: int, name: str) -> bytes:
    """A UUIDv7 of that time, the same for the same name."""
    rest = bytearray(_uuid(name)[6:])
    rest[0] = rest[0] & 0x0F | 0x70
    return now_ms.to_bytes(6, "big") + bytes(rest)


def _letter(event_id: str = "x") -> DeadLetter:
    rejection = Rejection("FIELD_INVALID", "name", "wrong")
    return DeadLetter(0, b"l" * 16, "chess", NOON_MS * 1000, rejection, Event(event_id=event_id))


def _append(
    *ids: str,
    now_ms: int = NOON_MS,
    batch: str = "b1",
    prints: Sequence[int] = (),
    keys: Sequence[str] = (),
    letters: Sequence[DeadLetter] = (),
    more: str = "",
) -> Append:
    return Append(
        app_id="chess",
        batch_id=_batch_id(now_ms, batch),
        received_at_us=now_ms * 1000,
        events=[Event(event_id=name, request_id=more) for name in ids],
        event_uuids=b"".join(map(_uuid, ids)),
        fingerprints=b"".join(p.to_bytes(4, "big") for p in prints or [0] * len(ids)),
        idempotency_uuids=b"".join(_uuid(key) if key else bytes(16) for key in keys),
        dead_letters=letters,
        traceparent="",
        dedupe_window_seconds=24 * 3600,
    )


@pytest.fixture
async def commands(redis_url: str) -> AsyncIterator[RedisCommands]:
    opened = RedisCommands(redis_url)
    yield opened
    await opened.aclose()


@pytest.fixture
def stream(client: Redis, commands: RedisCommands) -> RedisRawStream:
    return RedisRawStream(client, commands, IngestSettings(max_backlog_entries=5))


async def _entries(client: Redis, name: str = raw_stream(0)) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in await entries_of(client, name)]


def _seen(*positions: int, conflicts: Collection[int] = ()) -> Appended:
    return Appended(frozenset(positions), frozenset(conflicts))


async def test_new_events_are_appended(stream: RedisRawStream, client: Redis) -> None:
    assert await stream.append(0, _append("a", "b")) == _seen()
    [entry] = await _entries(client)
    assert (entry[b"trace"], entry[b"skip"]) == (b"", b"")
    batch = raw_batch(entry)
    assert batch == batch_pb2.EventBatch(
        app_id="chess",
        batch_id=_batch_id(NOON_MS, "b1"),
        received_at_us=NOON_MS * 1000,
        events=[Event(event_id="a"), Event(event_id="b")],
    )


@pytest.mark.parametrize("length", [0, 1, 100, 127, 128, 16_383, 16_384, 300_000])
async def test_events_of_every_length_are_read_as_they_were_written(
    stream: RedisRawStream, client: Redis, length: int
) -> None:
    """Lengths are varints of 7 bits a byte: 128 and 16,384 need one more."""
    event = Event(event_id="a", properties_json=b"x" * length)
    await stream.append(0, replace(_append("a", "b"), events=[event, Event(event_id="b")]))
    [entry] = await _entries(client)
    batch = raw_batch(entry)
    assert list(batch.events) == [event, Event(event_id="b")]


async def test_a_batch_is_compressed_with_its_id_and_size_beside_it(
    stream: RedisRawStream, client: Redis
) -> None:
    append = _append(*[f"e{number}" for number in range(500)])
    await stream.append(0, append)
    [entry] = await _entries(client)
    batch = raw_batch(entry)
    assert list(batch.events) == append.events
    assert entry[b"id"] == append.batch_id == batch.batch_id
    assert int(entry[b"size"]) == batch.ByteSize()
    assert len(entry[b"batch"]) < batch.ByteSize() / 2


async def test_a_resend_is_a_duplicate_and_only_the_rest_is_appended(
    stream: RedisRawStream, client: Redis
) -> None:
    await stream.append(0, _append("a", "b"))
    assert await stream.append(0, _append("b", "c", "a", batch="b2")) == _seen(0, 2)
    assert [entry[b"skip"] for entry in await _entries(client)] == [b"", b"0,2"]
    assert await stream.append(0, _append("c", "a", batch="b3")) == _seen(0, 1)
    assert len(await _entries(client)) == 2


async def test_another_payload_under_an_id_is_a_conflict(stream: RedisRawStream) -> None:
    await stream.append(0, _append("a", "b", prints=[1, 2]))
    assert await stream.append(0, _append("a", "b", batch="b2", prints=[1, 3])) == _seen(
        0, 1, conflicts=[1]
    )


async def test_a_batch_whose_answer_was_lost_is_not_appended_again(
    stream: RedisRawStream, client: Redis
) -> None:
    await stream.append(0, _append("old", batch="b0", keys=["k0"]))
    batch = _append("a", "old", "b", "c", keys=["", "", "k0", "k1"], letters=[_letter()])
    first = await stream.append(0, batch)
    assert first == _seen(1, 2)
    for _ in range(2):
        assert await stream.append(0, batch) == first
    assert len(await _entries(client)) == 2
    [entry] = await _entries(client, ingest_dead_letters(0))
    assert batch_pb2.DeadLetterBatch.FromString(entry[b"batch"]) == batch_pb2.DeadLetterBatch(
        dead_letters=[
            batch_pb2.DeadLetter(
                dead_letter_id=b"l" * 16,
                app_id="chess",
                stage="ingest",
                received_at_us=NOON_MS * 1000,
                reason="FIELD_INVALID",
                field="name",
                message="wrong",
                event=Event(event_id="x"),
                content="whole",
            )
        ]
    )


async def test_a_batch_whose_marks_are_lost_is_appended_again_as_it_was(
    stream: RedisRawStream, client: Redis
) -> None:
    """Under the same batch id, by which enrich stores it once."""
    batch = _append("a", "b")
    assert await stream.append(0, batch) == _seen()
    [seen] = await client.keys("ingest:{0}:seen:chess:*")
    await client.delete(seen)
    assert await stream.append(0, batch) == _seen()
    first, second = await _entries(client)
    assert first == second


async def test_apps_do_not_see_each_others_ids(stream: RedisRawStream) -> None:
    await stream.append(0, _append("a"))
    other = _append("a", batch="b2")
    object.__setattr__(other, "app_id", "go")
    assert await stream.append(0, other) == _seen()


@pytest.mark.parametrize(
    ("age_ms", "duplicate"),
    [
        (0, True),
        (HOUR_MS, True),
        (DAY_MS - 1, True),
        (DAY_MS, False),
        (DAY_MS + HOUR_MS, False),
        (3 * DAY_MS, False),
    ],
)
@pytest.mark.parametrize("first_ms", [NOON_MS, NOON_MS - 12 * HOUR_MS, NOON_MS + 12 * HOUR_MS - 1])
async def test_a_resend_after_the_window_counts_as_new(
    stream: RedisRawStream, first_ms: int, age_ms: int, duplicate: bool
) -> None:
    await stream.append(0, _append("a", now_ms=first_ms))
    resend = await stream.append(0, _append("a", now_ms=first_ms + age_ms, batch="b2"))
    assert resend == (_seen(0) if duplicate else _seen())


async def test_a_clock_behind_finds_what_one_ahead_has_put_into_the_next_window(
    stream: RedisRawStream,
) -> None:
    midnight = NOON_MS + 12 * HOUR_MS
    await stream.append(0, _append("a", now_ms=midnight + 2_000))
    assert await stream.append(0, _append("a", now_ms=midnight - 2_000, batch="b2")) == _seen(0)


async def test_what_is_known_expires_when_nobody_needs_it_any_more(
    stream: RedisRawStream, client: Redis
) -> None:
    await stream.append(0, _append("a", keys=["k"]))
    [seen] = await client.keys("ingest:{0}:seen:chess:*")
    [keys] = await client.keys("ingest:{0}:idempotency:chess:*")
    # Until the window after this one ends, and ten minutes for clocks that differ.
    assert 2 * DAY_MS < await client.pttl(seen) <= 2 * DAY_MS + 600_000
    assert 2 * HOUR_MS < await client.pttl(keys) <= 2 * HOUR_MS + 600_000
    before = await client.pttl(seen)
    await stream.append(0, _append("b", batch="b2"))
    assert await client.pttl(seen) <= before


async def test_an_idempotency_key_holds_for_an_hour(stream: RedisRawStream) -> None:
    await stream.append(0, _append("a", keys=["k"]))
    within = _append("b", now_ms=NOON_MS + HOUR_MS - 1, batch="b2", keys=["k"])
    after = _append("c", now_ms=NOON_MS + HOUR_MS, batch="b3", keys=["k"])
    assert await stream.append(0, within) == _seen(0)
    assert await stream.append(0, after) == _seen()


async def test_of_two_events_with_one_key_in_a_batch_the_first_counts(
    stream: RedisRawStream, client: Redis
) -> None:
    batch = _append("a", "b", "c", keys=["k", "k", ""], prints=[1, 2, 3])
    assert await stream.append(0, batch) == _seen(1, conflicts=[1])
    assert await stream.append(0, batch) == _seen(1, conflicts=[1])
    assert len(await _entries(client)) == 1


async def test_a_key_and_an_id_are_different_things(stream: RedisRawStream) -> None:
    await stream.append(0, _append("a", keys=["b"]))
    assert await stream.append(0, _append("b", batch="b2", keys=["a"])) == _seen()


async def test_a_thousand_events_fit_into_one_call(stream: RedisRawStream, client: Redis) -> None:
    ids = [f"e{number}" for number in range(1_000)]
    batch = _append(*ids, keys=[f"k{number}" for number in range(1_000)])
    assert await stream.append(0, batch) == _seen()
    assert await stream.append(0, _append(*ids, batch="b2")) == _seen(*range(1_000))


async def test_a_full_backlog_takes_nothing(stream: RedisRawStream, client: Redis) -> None:
    for number in range(5):
        await stream.append(0, _append(f"e{number}", batch=f"b{number}"))
    assert await stream.append(0, _append("new", batch="b5", letters=[_letter()])) is None
    assert len(await _entries(client)) == 5
    assert await _entries(client, ingest_dead_letters(0)) == []
    # Nothing was marked: when there is room again, it is new.
    await client.xtrim(raw_stream(0), maxlen=0)
    assert await stream.append(0, _append("new", batch="b6")) == _seen()


async def test_dead_letters_have_a_backlog_too(stream: RedisRawStream, client: Redis) -> None:
    for number in range(5):
        assert await stream.append(0, _append(batch=f"b{number}", letters=[_letter()])) == _seen()
    assert await stream.append(0, _append("a", batch="b5", letters=[_letter()])) is None
    assert await stream.append(0, _append("a", batch="b6")) == _seen()


@pytest.mark.parametrize(
    ("large", "stream_of"),
    [({"more": LARGE}, raw_stream), ({"letters": [_letter(LARGE)]}, ingest_dead_letters)],
)
async def test_too_many_bytes_push_back_until_they_are_gone(
    client: Redis,
    commands: RedisCommands,
    large: dict[str, Any],
    stream_of: Callable[[int], str],
) -> None:
    stream = RedisRawStream(client, commands, IngestSettings(max_backlog_bytes=100_000))
    assert await stream.append(0, _append("a", **large)) == _seen()
    backlog = await stream.measure_backlog(0)
    assert backlog.entries == 1
    assert backlog.size_bytes > 200_000
    # To measure changes nothing.
    assert await stream.append(0, _append("c", batch="b4")) == _seen()
    stream.limit_backlog(0, backlog)
    assert await stream.append(0, _append("b", batch="b2")) is None
    await client.xtrim(stream_of(0), maxlen=0)
    stream.limit_backlog(0, await stream.measure_backlog(0))
    assert await stream.append(0, _append("b", batch="b3")) == _seen()


async def test_a_full_memory_takes_nothing(stream: RedisRawStream, client: Redis) -> None:
    await stream.append(0, _append("a"))
    before: dict[Any, Any] = await client.config_get("maxmemory")
    await client.config_set("maxmemory", "100kb")
    try:
        assert await stream.append(0, _append("b", "c", batch="b2", letters=[_letter()])) is None
        assert await stream.append(0, _append(batch="b3", letters=[_letter()])) is None
    finally:
        await client.config_set("maxmemory", before["maxmemory"])
    assert len(await _entries(client)) == 1
    # Neither half had happened.
    assert await stream.append(0, _append("b", "c", batch="b4")) == _seen()

"""A chunk's way through enrich, on real stores: poison is isolated, and repeating is harmless."""

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2
from weir.pipeline.v1 import batch_pb2

from libs.common.clock import SystemClock
from libs.common.database import create_engine
from libs.common.ids import new_uuid7
from libs.pipeline.groups import Entry
from libs.pipeline.streams import enriched_stream, unhandled_stream
from services.enrich import convert
from services.enrich.chunk import ChunkProcessor, PoisonFloodError
from services.enrich.context_facts import context_reader
from services.enrich.enrichment import Enricher
from services.enrich.forward import Forwarder
from services.enrich.model import Session, WorkBatch
from services.enrich.sessions import SessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.steps.country import country_lookup
from services.enrich.store import EventStore

NOON_US = 1_795_176_000_000_000  # 2026-11-20T12:00:00Z
MINUTE_US = 60_000_000
REFUSED_BY_POSTGRES = b'{"moves": 1e-99999}'


class Enrich:
    """A processor on real stores, and what it left in them."""

    def __init__(self, client: Redis, engine: AsyncEngine, database_url: str) -> None:
        self.client, self._database_url = client, database_url
        read = context_reader(country_lookup(None), convert.parse_context, convert.plain_context)
        self.processor = ChunkProcessor(
            Enricher(read, convert.attribution_jsonb),
            SessionStore(client, SystemClock(), 3_600),
            EventStore(engine),
            Forwarder(client),
            SystemClock(),
            EnrichSettings(poison_minimum=20),
        )

    async def process(self, *entries: Entry) -> list[WorkBatch]:
        batches = [convert.work_batch(entry) for entry in entries]
        await self.processor.process(batches)
        return batches

    def rows(self, columns: str = "event_id") -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database_url) as connection:
            return connection.execute(
                f"SELECT {columns} FROM enrich.events ORDER BY event_id".encode()
            ).fetchall()

    async def forwarded(self) -> list[batch_pb2.EnrichedBatch]:
        entries = await self.client.xrange(enriched_stream(0))
        return [batch_pb2.EnrichedBatch.FromString(fields[b"batch"]) for _, fields in entries]

    async def letters(self) -> dict[bytes, batch_pb2.DeadLetter]:
        return {
            letter.dead_letter_id: letter
            for _, fields in await self.client.xrange(unhandled_stream(0))
            for letter in batch_pb2.DeadLetterBatch.FromString(fields[b"batch"]).dead_letters
        }


@pytest.fixture
async def enrich(client: Redis, database_url: str) -> AsyncIterator[Enrich]:
    engine = create_engine(database_url, service="enrich")
    yield Enrich(client, engine, database_url)
    await engine.dispose()


def _event(event_id: str, at_us: int = NOON_US, **fields: Any) -> event_pb2.Event:
    event = event_pb2.Event(
        **{"event_id": event_id, "name": "game.ended", "properties_json": b"{}", **fields}
    )
    event.occurred_at.FromMicroseconds(at_us)
    return event


def _entry(*events: event_pb2.Event) -> Entry:
    batch = batch_pb2.EventBatch(
        app_id="chess", batch_id=new_uuid7(), received_at_us=NOON_US, events=events
    )
    return Entry(b"ingest:{0}:raw", b"1-0", {b"batch": batch.SerializeToString(), b"trace": b"t"})


async def test_an_event_that_postgres_refuses_is_isolated_and_its_neighbours_are_stored(
    enrich: Enrich,
) -> None:
    events = [_event(f"e{n:02}") for n in range(30)]
    for position in (7, 23):
        events[position].properties_json = REFUSED_BY_POSTGRES
    first, bad, last = _entry(_event("a")), _entry(*events), _entry(_event("z"))
    await enrich.process(first, bad, last)
    stored = ["a", *(f"e{n:02}" for n in range(30) if n not in (7, 23)), "z"]
    assert [row[0] for row in enrich.rows()] == stored
    letters = (await enrich.letters()).values()
    assert {letter.event.event_id for letter in letters} == {"e07", "e23"}
    assert {letter.stage for letter in letters} == {"enrich"}
    assert [list(batch.skipped) for batch in await enrich.forwarded()] == [[], [7, 23], []]
    # A repetition, after a crash before the acknowledgement: the same again.
    await enrich.process(first, bad, last)
    assert len(enrich.rows()) == 30
    assert len(await enrich.letters()) == 2
    assert [list(batch.skipped) for batch in (await enrich.forwarded())[3:]] == [[], [7, 23], []]


async def test_a_batch_that_ingest_appended_twice_is_stored_once(enrich: Enrich) -> None:
    """Redis lost the marks of a batch but not the batch: its repetition was new to ingest."""
    entry = _entry(_event("a"), _event("b"))
    await enrich.process(entry)
    await enrich.process(entry)
    assert enrich.rows() == [("a",), ("b",)]
    first, second = await enrich.forwarded()
    # The same: aggregate knows the second by its batch id.
    assert first == second


async def test_a_batch_twice_in_a_chunk_is_still_counted_after_a_crash(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise ConnectionError

    entry = _entry(_event("a"), _event("b"))
    with monkeypatch.context() as patch:
        patch.setattr(Forwarder, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry, entry)
    assert enrich.rows() == [("a",), ("b",)]
    await enrich.process(entry, entry)
    assert [list(batch.skipped) for batch in await enrich.forwarded()][:1] == [[]]


async def test_poison_is_put_aside_before_its_batch_counts_as_stored(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash right after the commit must not lose the dead letter: afterwards, nobody looks again."""

    async def crash(*_: object) -> None:
        raise ConnectionError

    entry = _entry(_event("good"), _event("bad", properties_json=REFUSED_BY_POSTGRES))
    with monkeypatch.context() as patch:
        patch.setattr(Forwarder, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry)
    assert len(enrich.rows()) == 1
    await enrich.process(entry)
    [letter] = (await enrich.letters()).values()
    assert letter.event.event_id == "bad"
    assert [list(batch.skipped) for batch in await enrich.forwarded()] == [[1]]


@pytest.mark.parametrize("poison", [{"producer": 99}, {"properties_json": REFUSED_BY_POSTGRES}])
async def test_a_flood_of_poison_is_not_drained_into_dead_letters(
    enrich: Enrich, poison: dict[str, Any]
) -> None:
    events = [_event(f"e{n}", **(poison if n % 3 else {})) for n in range(30)]
    with pytest.raises(PoisonFloodError):
        await enrich.process(_entry(*events))
    assert enrich.rows() == []
    assert await enrich.letters() == {}
    assert await enrich.forwarded() == []


async def test_a_little_poison_is_no_flood(enrich: Enrich) -> None:
    await enrich.process(_entry(*[_event(f"e{n}", producer=99) for n in range(19)]))
    assert len(await enrich.letters()) == 19
    assert await enrich.forwarded() == []


async def test_quarantine_makes_dead_letters_of_a_whole_batch(enrich: Enrich) -> None:
    batch = convert.work_batch(_entry(_event("a"), _event("b")))
    await enrich.processor.quarantine(batch, "every attempt to process the batch ended")
    assert {letter.event.event_id for letter in (await enrich.letters()).values()} == {"a", "b"}
    assert enrich.rows() == []


async def test_quarantine_only_forwards_a_batch_that_is_stored(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between commit and forwarding, again and again: its events are there, uncounted."""

    async def crash(*_: object) -> None:
        raise ConnectionError

    entry = _entry(_event("good"), _event("bad", properties_json=REFUSED_BY_POSTGRES))
    with monkeypatch.context() as patch:
        patch.setattr(Forwarder, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry)
    await enrich.processor.quarantine(convert.work_batch(entry), "it died")
    assert [list(batch.skipped) for batch in await enrich.forwarded()] == [[1]]
    [letter] = (await enrich.letters()).values()
    assert letter.event.event_id == "bad"


async def test_a_session_begins_with_its_earliest_event_over_all_chunks(enrich: Enrich) -> None:
    def event(event_id: str, minute: int) -> event_pb2.Event:
        return _event(
            event_id,
            NOON_US + minute * MINUTE_US,
            session_id="s1",
            context={"page_url": f"/{minute}"},
        )

    await enrich.process(_entry(event("e1", 10), event("e2", 5)))
    await enrich.process(_entry(event("e3", 20)))
    await enrich.process(_entry(event("e4", 1)), _entry(event("e5", 30), _event("e6")))
    begun = enrich.rows("event_id, (extract(epoch FROM session_started_at) * 1000000)::bigint")
    minutes = {
        event_id: None if at is None else (at - NOON_US) // MINUTE_US for event_id, at in begun
    }
    # What was stored before an earlier event came keeps what was known then.
    assert minutes == {"e1": 5, "e2": 5, "e3": 5, "e4": 1, "e5": 1, "e6": None}


async def test_a_session_goes_on_into_the_next_window(client: Redis) -> None:
    class MovedClock:
        seconds = 1_795_176_000

        def now_us(self) -> int:
            return self.seconds * 1_000_000

    clock = MovedClock()
    store = SessionStore(client, clock, 3_600)
    loaded, present = await store.load("chess", 0, ["s"])
    assert (loaded, present) == ({}, set())
    await store.save("chess", 0, {"s": Session(7, "/", "https://example.org/")})
    assert (await store.load("chess", 0, ["s", "t"]))[1] == {"s"}
    clock.seconds += 3_600
    loaded, present = await store.load("chess", 0, ["s"])
    assert loaded == {"s": Session(7, "/", "https://example.org/")}
    assert present == set()
    clock.seconds += 3_600
    assert (await store.load("chess", 0, ["s"]))[0] == {}
    assert (await store.load("go", 0, ["s"]))[0] == {}

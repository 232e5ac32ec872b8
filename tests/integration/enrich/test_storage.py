"""The event store on a real Postgres: each event once, whatever comes twice."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.streams.groups import Entry
from services.enrich import convert
from services.enrich.model import WorkBatch
from services.enrich.steps.context_enrichment import context_reader
from services.enrich.steps.country import country_lookup
from services.enrich.steps.enrichment import Enricher
from services.enrich.storage.postgres import EventStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
ENRICHER = Enricher(
    context_reader(country_lookup(None), convert.parse_context, convert.plain_context),
    convert.attribution_jsonb,
)


@pytest.fixture
def store(engine: AsyncEngine) -> EventStore:
    return EventStore(engine)


def _event(event_id: str, at: datetime = NOON, **fields: Any) -> event_pb2.Event:
    event = event_pb2.Event(
        **{
            "event_id": event_id,
            "name": "game.ended",
            "properties_json": b"{}",
            "retention_days": 90,
            **fields,
        }
    )
    event.occurred_at.FromDatetime(at)
    return event


def _batch(name: str, *events: event_pb2.Event, skip: str = "") -> WorkBatch:
    message = batch_pb2.EventBatch(
        app_id="chess",
        batch_id=uuid.uuid5(uuid.NAMESPACE_OID, name).bytes,
        received_at_us=1_795_000_000_000_000,
        events=events,
    )
    fields = {b"batch": message.SerializeToString(), b"trace": b"", b"skip": skip.encode()}
    batch = convert.work_batch(Entry(b"ingest:{0}:raw", b"1-0", fields))
    ENRICHER.prepare(batch)
    ENRICHER.enrich(batch, {})
    return batch


def _query(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement.encode()).fetchall()


def _stored(database_url: str) -> list[str]:
    return [row[0] for row in _query(database_url, "SELECT event_id FROM enrich.events ORDER BY 1")]


async def test_a_row_reads_as_it_was_written(store: EventStore, database_url: str) -> None:
    event = _event(
        "550e8400-e29b-41d4-a716-446655440000",
        subject_id="ann",
        context={"ip": "8.8.8.0"},
        attribution={"source": "mail"},
        producer=event_pb2.PRODUCER_API,
        schema_version="1.1.0",
        properties_json=b'{"moves": 3, "big": 12345678901234567890123, "text": "\\u00e9"}',
    )
    event.occurred_at.nanos = 123_456_000
    await store.write([_batch("b", event)])
    [row] = _query(
        database_url,
        "SELECT event_uuid::text, occurred_at::text, received_at::text, session_started_at, app_id,"
        " retention_class, name, schema_version, producer, environment, event_id, subject_id,"
        " country, context, attribution, properties::text, tableoid::regclass::text"
        " FROM enrich.events",
    )
    assert row == (
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-11-20 12:00:00.123456+00",
        "2026-11-18 11:06:40+00",
        None,
        *("chess", "90d", "game.ended", "1.1.0", "api", "production", None, "ann", "US"),
        {"ip": "8.8.8.0"},
        {"source": "mail"},
        '{"big": 12345678901234567890123, "text": "é", "moves": 3}',
        # No keeper runs here, so that no other leaf was made.
        "enrich.events_90d_default",
    )


async def test_a_batch_that_is_written_again_changes_nothing(
    store: EventStore, database_url: str
) -> None:
    await store.write([_batch("a", _event("e1"))])
    events = [_event("e1"), _event("e2"), _event("e3"), _event("e2")]
    first = _batch("b", *events, skip="2")
    await store.write([first])
    # e1 was stored by another batch, e3 is ingest's duplicate, and e2 stands there twice.
    assert first.skipped == {0, 2, 3}
    for _ in range(2):
        again = _batch("b", *events, skip="2")
        await store.write([again, _batch("a", _event("e1"))])
        assert again.skipped == {0, 2, 3}
    assert _stored(database_url) == ["e1", "e2"]


async def test_one_event_in_two_batches_of_a_chunk_is_stored_by_the_first(
    store: EventStore, database_url: str
) -> None:
    first, second = _batch("a", _event("e1"), _event("e2")), _batch("b", _event("e2"), _event("e3"))
    await store.write([first, second])
    assert (first.skipped, second.skipped) == (set(), {0})
    assert _stored(database_url) == ["e1", "e2", "e3"]


async def test_the_same_id_at_another_time_is_another_event(
    store: EventStore, database_url: str
) -> None:
    """Ids are told apart by ingest, within the dedupe window; the key of the table includes the time,
    as a partitioned table's key must."""
    before_midnight = MIDNIGHT.replace(day=20, hour=23, minute=59)
    await store.write([_batch("a", _event("e1", before_midnight))])
    later = _batch("b", _event("e1", MIDNIGHT), _event("e1", before_midnight))
    await store.write([later])
    assert later.skipped == {1}
    assert _query(database_url, "SELECT event_id, occurred_at FROM enrich.events ORDER BY 2") == [
        ("e1", before_midnight),
        ("e1", MIDNIGHT),
    ]


async def test_the_same_id_in_another_retention_class_is_told_apart(
    store: EventStore, database_url: str
) -> None:
    await store.write([_batch("a", _event("e1"))])
    mixed = _batch("b", _event("e1"), _event("e1", retention_days=7))
    await store.write([mixed])
    assert mixed.skipped == {0}
    assert _query(database_url, "SELECT retention_class FROM enrich.events ORDER BY 1") == [
        ("7d",),
        ("90d",),
    ]


async def test_two_writers_of_one_batch_store_it_once(
    engine: AsyncEngine, database_url: str
) -> None:
    def batches() -> list[WorkBatch]:
        return [
            _batch(f"b{n}", *[_event(f"e{n}-{k}") for k in range(50)], _event("shared"))
            for n in range(20)
        ]

    writers = [EventStore(engine) for _ in range(4)]
    chunks = [batches() for _ in writers]
    await asyncio.gather(
        *(writer.write(chunk) for writer, chunk in zip(writers, chunks, strict=True))
    )
    assert len(_stored(database_url)) == 20 * 50 + 1
    skipped = [[batch.skipped for batch in chunk] for chunk in chunks]
    assert skipped[1:] == skipped[:-1]
    assert sum(50 in batch for batch in skipped[0]) == 19


async def test_overlapping_chunks_of_two_writers_store_each_event_once(
    engine: AsyncEngine, database_url: str
) -> None:
    def batches(name: str, starts: range) -> list[WorkBatch]:
        return [_batch(f"{name}{n}", *[_event(f"e{k}") for k in range(n, n + 30)]) for n in starts]

    async def persist(name: str, starts: range) -> int:
        while True:
            chunk = batches(name, starts)
            try:
                await EventStore(engine).write(chunk)
            except psycopg.errors.DeadlockDetected:
                continue  # as the consumer does
            return sum(len(batch.events) - len(batch.skipped) for batch in chunk)

    stored = await asyncio.gather(persist("a", range(0, 60, 10)), persist("b", range(50, -1, -10)))
    assert len(_stored(database_url)) == sum(stored) == 80


async def test_a_value_that_postgres_refuses_stores_nothing_of_the_chunk(
    store: EventStore, database_url: str
) -> None:
    bad = _batch("b", _event("e2"), _event("e3", properties_json=b'{"x": 1e-99999}'))
    with pytest.raises(psycopg.DataError):
        await store.write([_batch("a", _event("e1")), bad])
    assert _stored(database_url) == []
    assert await store.can_store([row for row in bad.rows[:1] if row])
    assert not await store.can_store([row for row in bad.rows if row])
    # The connection is as good as before.
    await store.write([_batch("a", _event("e1"))])
    assert _stored(database_url) == ["e1"]

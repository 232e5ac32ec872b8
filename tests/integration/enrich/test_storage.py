"""The event store on a real Postgres: what a row holds, and several writers at once. What every store
promises is in tests/contract/enrich."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from weir.common.v1 import event_pb2

from services.enrich.model import WorkBatch
from services.enrich.storage.postgres import PostgresEventStore
from services.enrich.storage.rows import rows_of
from tests.support import enrich_batches
from tests.support.enrich_batches import NOON, enriched, work_batch
from tests.support.pseudonyms import PSEUDONYMS

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


def _event(event_id: str, at: datetime = NOON, **fields: Any) -> event_pb2.Event:
    at_us = int(at.timestamp()) * 1_000_000
    return enrich_batches.event(event_id, at_us, **{"retention_days": 90, **fields})


def _batch(name: str, *events: event_pb2.Event) -> WorkBatch:
    batch = enriched(work_batch(*events, name=name))
    batch.rows = rows_of(batch, PSEUDONYMS)
    return batch


def _query(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement.encode()).fetchall()


def _stored(database_url: str) -> list[str]:
    return [row[0] for row in _query(database_url, "SELECT event_id FROM enrich.events ORDER BY 1")]


async def test_a_row_reads_as_it_was_written(store: PostgresEventStore, database_url: str) -> None:
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
        "2026-11-20 12:00:00+00",
        None,
        *("chess", "90d", "game.ended", "1.1.0", "api", "production", None, "ann", "US"),
        {"ip": "8.8.8.0"},
        {"source": "mail"},
        '{"big": 12345678901234567890123, "text": "é", "moves": 3}',
        # No keeper runs here, so that no other leaf was made.
        "enrich.events_90d_default",
    )


async def test_two_writers_of_one_batch_store_it_once(
    new_store: Callable[[], PostgresEventStore], database_url: str
) -> None:
    def batches() -> list[WorkBatch]:
        return [
            _batch(f"b{n}", *[_event(f"e{n}-{k}") for k in range(50)], _event("shared"))
            for n in range(20)
        ]

    writers = [new_store() for _ in range(4)]
    chunks = [batches() for _ in writers]
    await asyncio.gather(
        *(writer.write(chunk) for writer, chunk in zip(writers, chunks, strict=True))
    )
    assert len(_stored(database_url)) == 20 * 50 + 1
    skipped = [[batch.skipped for batch in chunk] for chunk in chunks]
    assert skipped[1:] == skipped[:-1]
    assert sum(50 in batch for batch in skipped[0]) == 19


async def test_overlapping_chunks_of_two_writers_store_each_event_once(
    new_store: Callable[[], PostgresEventStore], database_url: str
) -> None:
    def batches(name: str, starts: range) -> list[WorkBatch]:
        return [_batch(f"{name}{n}", *[_event(f"e{k}") for k in range(n, n + 30)]) for n in starts]

    async def persist(name: str, starts: range) -> int:
        store = new_store()
        while True:
            chunk = batches(name, starts)
            try:
                await store.write(chunk)
            except psycopg.errors.DeadlockDetected:
                continue  # as the consumer does
            return sum(len(batch.events) - len(batch.skipped) for batch in chunk)

    stored = await asyncio.gather(persist("a", range(0, 60, 10)), persist("b", range(50, -1, -10)))
    assert len(_stored(database_url)) == sum(stored) == 80

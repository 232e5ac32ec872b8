"""Enrich's processor on real stores, and events for it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.common.clock import SystemClock
from libs.common.ids import new_uuid7
from libs.stores.postgres import create_engine
from libs.streams.groups import Entry
from libs.streams.names import enrich_dead_letters, enriched_stream
from services.enrich import convert
from services.enrich.enriched_stream import EnrichedStreamWriter
from services.enrich.model import WorkBatch
from services.enrich.pipeline import EnrichPipeline
from services.enrich.sessions.redis import SessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.steps.context_enrichment import context_reader
from services.enrich.steps.country import country_lookup
from services.enrich.steps.enrichment import Enricher
from services.enrich.storage.postgres import EventStore

NOON_US = 1_795_176_000_000_000  # 2026-11-20T12:00:00Z


class Enrich:
    """A processor on real stores, and what it left in them."""

    def __init__(self, client: Redis, engine: AsyncEngine, database_url: str) -> None:
        self.client, self._database_url = client, database_url
        read = context_reader(country_lookup(None), convert.parse_context, convert.plain_context)
        self.processor = EnrichPipeline(
            Enricher(read, convert.attribution_jsonb),
            SessionStore(client, SystemClock(), 3_600),
            EventStore(engine),
            EnrichedStreamWriter(client),
            SystemClock(),
            EnrichSettings(dead_letter_minimum_events=20),
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
            for _, fields in await self.client.xrange(enrich_dead_letters(0))
            for letter in batch_pb2.DeadLetterBatch.FromString(fields[b"batch"]).dead_letters
        }


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_enrich"), service="enrich")
    yield engine
    await engine.dispose()


@pytest.fixture
def enrich(client: Redis, engine: AsyncEngine, database_url: str) -> Enrich:
    return Enrich(client, engine, database_url)


def event(event_id: str, at_us: int = NOON_US, **fields: Any) -> event_pb2.Event:
    made = event_pb2.Event(
        **{"event_id": event_id, "name": "game.ended", "properties_json": b"{}", **fields}
    )
    made.occurred_at.FromMicroseconds(at_us)
    return made


def entry_of(*events: event_pb2.Event) -> Entry:
    batch = batch_pb2.EventBatch(
        app_id="chess", batch_id=new_uuid7(), received_at_us=NOON_US, events=events
    )
    return Entry(b"ingest:{0}:raw", b"1-0", {b"batch": batch.SerializeToString(), b"trace": b"t"})

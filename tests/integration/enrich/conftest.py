"""Enrich's pipeline on real stores."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs
from libs.common.clock import SystemClock
from libs.stores.postgres import create_engine
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.redis_client import RedisClient
from libs.streams.groups import Entry
from libs.streams.names import enrich_dead_letters, enriched_stream
from services.enrich import convert
from services.enrich.dead_letter_limit import DeadLetterLimit
from services.enrich.model import WorkBatch
from services.enrich.pipeline import EnrichPipeline
from services.enrich.redis import RedisEnrichedStream
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.steps.country import country_lookup
from services.enrich.steps.registry import all_steps
from services.enrich.storage.postgres import PostgresEventStore
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.streams import entries_in


class Enrich:
    """A pipeline on real stores, and what it left in them."""

    def __init__(
        self,
        client: RedisClient,
        store: PostgresEventStore,
        database_url: str,
        catalogs: Catalogs,
    ) -> None:
        self.client, self._database_url = client, database_url
        self.catalogs = catalogs
        self.pipeline = EnrichPipeline(
            self.catalogs,
            all_steps(
                country_lookup(None), RedisSessionStore(client.commands, SystemClock(), 3_600)
            ),
            store,
            RedisEnrichedStream(client, shards=1),
            DeadLetterLimit(0.5, 20),
        )

    async def process(self, *entries: Entry) -> list[WorkBatch]:
        batches = [convert.work_batch(entry) for entry in entries]
        await self.pipeline.process(batches)
        return batches

    def rows(self, columns: str = "event_id") -> list[tuple[Any, ...]]:
        with psycopg.connect(self._database_url) as connection:
            return connection.execute(
                f"SELECT {columns} FROM enrich.events ORDER BY event_id".encode()
            ).fetchall()

    async def forwarded(self) -> list[batch_pb2.EnrichedBatch]:
        entries = await entries_in(self.client, enriched_stream(0))
        return [batch_pb2.EnrichedBatch.FromString(fields[b"batch"]) for fields in entries]

    async def letters(self) -> dict[bytes, batch_pb2.DeadLetter]:
        return {
            letter.dead_letter_id: letter
            for fields in await entries_in(self.client, enrich_dead_letters(0))
            for letter in batch_pb2.DeadLetterBatch.FromString(fields[b"batch"]).dead_letters
        }


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_enrich"), service="enrich")
    yield engine
    await engine.dispose()


@pytest.fixture
def catalogs() -> Catalogs:
    """What the store and the pipeline know; a test may replace them."""
    return Catalogs.of()


@pytest.fixture
def new_store(
    engine: AsyncEngine, role_url: Callable[[str], str], catalogs: Catalogs
) -> Iterator[Callable[[], PostgresEventStore]]:
    """Makes stores with connections of their own, as several processes have them."""
    connector = PostgresConnector(role_url("weir_enrich"), service="enrich")
    with ExitStack() as stack:

        def new() -> PostgresEventStore:
            store = PostgresEventStore(engine, connector, PSEUDONYMS, catalogs)
            stack.callback(store.close)
            return store

        yield new


@pytest.fixture
def store(new_store: Callable[[], PostgresEventStore]) -> PostgresEventStore:
    return new_store()


@pytest.fixture
def enrich(
    client: RedisClient, store: PostgresEventStore, database_url: str, catalogs: Catalogs
) -> Enrich:
    return Enrich(client, store, database_url, catalogs)

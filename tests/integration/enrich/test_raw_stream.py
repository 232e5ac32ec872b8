"""Enrich as a reader of its stream: a release that does not fit its database waits, and loses nothing; a
batch that kills its readers becomes dead letters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from prometheus_client import REGISTRY

from libs.stores.postgres import failure_of
from libs.stores.redis_client import RedisClient
from libs.streams.consumer import EntryHandling, create_consumer
from libs.streams.groups import ConsumerGroup, Entry
from libs.streams.names import ENRICH, attempts_key, enrich_dead_letters, raw_stream
from libs.streams.quarantine import Quarantine
from services.enrich.entries import RawStreamReader
from services.enrich.settings import EnrichSettings
from tests.integration.enrich.conftest import Enrich
from tests.support.enrich_batches import entry_of, event
from tests.support.streams import settled
from tests.support.waiting import until

MAX_ATTEMPTS = EnrichSettings().max_attempts


@asynccontextmanager
async def consuming(
    client: RedisClient, work: Enrich, claim_idle_seconds: float = 60
) -> AsyncIterator[asyncio.Task[None]]:
    """A consumer that runs, and stops at the end."""
    entries = RawStreamReader(work.pipeline)
    consumer = create_consumer(
        client,
        EnrichSettings(claim_idle_seconds=claim_idle_seconds),
        group=ENRICH,
        streams=[raw_stream(0)],
        handling=EntryHandling(entries.process, failure_of, entries.dead_letter),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await running


async def die_reading(client: RedisClient, entry: Entry, deaths: int) -> None:
    """Another consumer takes the entry and never answers; others have tried it before, alone."""
    group = ConsumerGroup(client, [raw_stream(0)], ENRICH, "dead", 0)
    await group.create()
    await client.xadd(raw_stream(0), dict(entry.fields.items()))
    [taken] = await group.read(1)
    quarantine = Quarantine(client, ENRICH, max_attempts=MAX_ATTEMPTS, max_entries=1)
    for _ in range(deaths):
        await quarantine.admit(taken)


def retries() -> float:
    """How often a chunk was tried again."""
    return (
        REGISTRY.get_sample_value(
            "weir_stream_retries_total", {"group": ENRICH, "failure": "unavailable"}
        )
        or 0.0
    )


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (
            "ALTER TABLE enrich.events RENAME COLUMN os TO system",
            "ALTER TABLE enrich.events RENAME COLUMN system TO os",
        ),
        (
            "ALTER TABLE enrich.batches RENAME TO boxes",
            "ALTER TABLE enrich.boxes RENAME TO batches",
        ),
    ],
)
async def test_a_missing_column_or_table_is_waited_for(
    client: RedisClient,
    enrich: Enrich,
    database_url: str,
    change: str,
    back: str,
) -> None:
    # Not a blocking connection: it waits for locks that the consumer holds, in this very event loop.
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(change.encode())
        await client.xadd(raw_stream(0), dict(entry_of(event("a"), event("b")).fields.items()))
        async with consuming(client, enrich) as running:
            before = retries()
            await until(lambda: retries() >= before + 3)
            assert not running.done()
            assert await client.xlen(enrich_dead_letters(0)) == 0
            await connection.execute(back.encode())
            await settled(client, raw_stream(0))
    assert enrich.rows() == [("a",), ("b",)]
    assert len(await enrich.forwarded()) == 1


async def test_a_batch_that_killed_too_many_readers_becomes_dead_letters(
    client: RedisClient,
    enrich: Enrich,
) -> None:
    await die_reading(client, entry_of(event("a"), event("b")), MAX_ATTEMPTS)
    async with consuming(client, enrich, claim_idle_seconds=0.1):
        await settled(client, raw_stream(0))
    letters = (await enrich.letters()).values()
    assert {letter.event.event_id for letter in letters} == {"a", "b"}
    assert enrich.rows() == []


async def test_the_last_attempt_may_succeed_and_is_then_forgotten(
    client: RedisClient,
    enrich: Enrich,
) -> None:
    await die_reading(client, entry_of(event("a")), MAX_ATTEMPTS - 1)
    assert await client.exists(attempts_key(ENRICH, 0))
    async with consuming(client, enrich, claim_idle_seconds=0.1):
        await settled(client, raw_stream(0))
    assert enrich.rows() == [("a",)]
    assert await enrich.letters() == {}
    assert not await client.exists(attempts_key(ENRICH, 0))

"""Enrich as a reader of its stream: a release that does not fit its database waits, and loses nothing; a
batch that kills its readers becomes dead letters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from redis.asyncio import Redis

from libs.pipeline.consumer import create_consumer
from libs.pipeline.groups import ConsumerGroup, Entry
from libs.pipeline.quarantine import Quarantine
from libs.pipeline.streams import attempts_key, raw_stream, unhandled_stream
from services.enrich.settings import EnrichSettings
from services.enrich.worker import Worker
from tests.integration.enrich.test_chunk import Enrich, _entry, _event, enrich  # noqa: F401
from tests.support.streams import settled

MAX_ATTEMPTS = EnrichSettings().max_attempts


@asynccontextmanager
async def consuming(
    client: Redis, work: Enrich, claim_idle_seconds: float = 60
) -> AsyncIterator[asyncio.Task[None]]:
    """A consumer that runs, and is then told to stop."""
    worker = Worker(work.processor)
    consumer = create_consumer(
        client,
        EnrichSettings(claim_idle_seconds=claim_idle_seconds),
        group="enrich",
        streams=[raw_stream(0)],
        work=worker.work,
        give_up=worker.give_up,
        is_transient=worker.is_transient,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await running


async def die_reading(client: Redis, entry: Entry, deaths: int) -> None:
    """Another consumer takes the entry and never answers; others have tried it before, alone."""
    group = ConsumerGroup(client, [raw_stream(0)], "enrich", "dead", 0)
    await group.create()
    await client.xadd(raw_stream(0), dict(entry.fields.items()))
    [taken] = await group.read(1)
    quarantine = Quarantine(client, "enrich", max_attempts=MAX_ATTEMPTS, max_entries=1)
    for _ in range(deaths):
        await quarantine.admit(taken)


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
    client: Redis,
    enrich: Enrich,  # noqa: F811
    database_url: str,
    change: str,
    back: str,
) -> None:
    # Not a blocking connection: it waits for locks that the consumer holds, in this very event loop.
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(change.encode())
        await client.xadd(raw_stream(0), dict(_entry(_event("a"), _event("b")).fields.items()))
        async with consuming(client, enrich) as running:
            # Long enough for several attempts, which come half a second apart.
            await asyncio.sleep(1.5)
            assert not running.done()
            assert await client.xlen(unhandled_stream(0)) == 0
            await connection.execute(back.encode())
            await settled(client, raw_stream(0))
    assert enrich.rows() == [("a",), ("b",)]
    assert len(await enrich.forwarded()) == 1


async def test_what_too_many_readers_died_of_becomes_dead_letters(
    client: Redis,
    enrich: Enrich,  # noqa: F811
) -> None:
    await die_reading(client, _entry(_event("a"), _event("b")), MAX_ATTEMPTS)
    async with consuming(client, enrich, claim_idle_seconds=0.1):
        await settled(client, raw_stream(0))
    letters = (await enrich.letters()).values()
    assert {letter.event.event_id for letter in letters} == {"a", "b"}
    assert enrich.rows() == []


async def test_the_last_attempt_may_succeed_and_is_then_forgotten(
    client: Redis,
    enrich: Enrich,  # noqa: F811
) -> None:
    await die_reading(client, _entry(_event("a")), MAX_ATTEMPTS - 1)
    assert await client.exists(attempts_key("enrich", 0))
    async with consuming(client, enrich, claim_idle_seconds=0.1):
        await settled(client, raw_stream(0))
    assert enrich.rows() == [("a",)]
    assert await enrich.letters() == {}
    assert not await client.exists(attempts_key("enrich", 0))

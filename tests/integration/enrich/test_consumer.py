"""The loop around a chunk: a release that does not fit its database waits, and loses nothing; a batch
that kills its readers is put aside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from redis.asyncio import Redis

from libs.common.streams import ConsumerGroup, Entry
from services.enrich.attempts import Attempts
from services.enrich.consumer import RawConsumer, raw_stream
from services.enrich.forward import dead_letter_stream
from services.enrich.settings import EnrichSettings
from tests.integration.enrich.test_chunk import Enrich, _entry, _event, enrich  # noqa: F401
from tests.support.waiting import PATIENCE_SECONDS


@asynccontextmanager
async def consuming(
    client: Redis, work: Enrich, claim_idle_seconds: float = 60
) -> AsyncIterator[asyncio.Task[None]]:
    """A consumer that runs, and is then told to stop."""
    settings = EnrichSettings(claim_idle_seconds=claim_idle_seconds)
    group = ConsumerGroup(client, [raw_stream(0)], "enrich", "me", claim_idle_seconds)
    consumer = RawConsumer(
        client, group, work.processor, Attempts(client), asyncio.Event(), settings
    )
    stop = asyncio.Event()
    running = asyncio.create_task(consumer.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await running


async def settled(client: Redis) -> None:
    """Returns when the group has read and acknowledged everything."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            last = (await client.xinfo_stream(raw_stream(0)))["last-generated-id"]
            groups = await client.xinfo_groups(raw_stream(0))
            if [(g["last-delivered-id"], g["pending"]) for g in groups] == [(last, 0)]:
                return
            await asyncio.sleep(0.05)


async def die_reading(client: Redis, entry: Entry, deaths: int) -> None:
    """Another consumer takes the entry and never answers; others have tried it before, alone."""
    group = ConsumerGroup(client, [raw_stream(0)], "enrich", "dead", 0)
    await group.create()
    await client.xadd(raw_stream(0), dict(entry.fields.items()))
    [taken] = await group.read(1)
    for _ in range(deaths):
        await Attempts(client).begin(taken, 0)


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
            assert await client.xlen(dead_letter_stream(0)) == 0
            await connection.execute(back.encode())
            await settled(client)
    assert enrich.rows() == [("a",), ("b",)]
    assert len(await enrich.forwarded()) == 1


async def test_what_too_many_readers_died_of_becomes_dead_letters(
    client: Redis,
    enrich: Enrich,  # noqa: F811
) -> None:
    await die_reading(client, _entry(_event("a"), _event("b")), EnrichSettings().max_attempts)
    async with consuming(client, enrich, claim_idle_seconds=0.1):
        await settled(client)
    letters = (await enrich.letters()).values()
    assert {letter.event.event_id for letter in letters} == {"a", "b"}
    assert enrich.rows() == []


async def test_the_last_attempt_may_succeed_and_is_then_forgotten(
    client: Redis,
    enrich: Enrich,  # noqa: F811
) -> None:
    await die_reading(client, _entry(_event("a")), EnrichSettings().max_attempts - 1)
    assert await client.keys("enrich:*attempts*")
    async with consuming(client, enrich, claim_idle_seconds=0.1):
        await settled(client)
    assert enrich.rows() == [("a",)]
    assert await enrich.letters() == {}
    assert await client.keys("enrich:*attempts*") == []

"""The loop around a chunk: a release that does not fit its database waits, and loses nothing."""

import asyncio

import psycopg
from redis.asyncio import Redis

from libs.common.streams import ConsumerGroup
from services.enrich.attempts import Attempts
from services.enrich.consumer import RawConsumer, raw_stream
from services.enrich.forward import dead_letter_stream
from services.enrich.settings import EnrichSettings
from tests.integration.enrich.test_chunk import Enrich, _entry, _event, enrich  # noqa: F401


async def test_a_missing_column_is_waited_for(
    client: Redis,
    enrich: Enrich,  # noqa: F811
    database_url: str,
) -> None:
    settings = EnrichSettings(claim_idle_seconds=60)
    group = ConsumerGroup(client, [raw_stream(0)], "enrich", "me", settings.claim_idle_seconds)
    consumer = RawConsumer(
        client, group, enrich.processor, Attempts(client), asyncio.Event(), settings
    )
    stop = asyncio.Event()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE enrich.events RENAME COLUMN os TO system")
        await client.xadd(raw_stream(0), dict(_entry(_event("a"), _event("b")).fields))
        running = asyncio.create_task(consumer.run(stop))
        # Long enough for several attempts, which come half a second apart.
        await asyncio.sleep(1.5)
        assert not running.done()
        assert await client.xlen(dead_letter_stream(0)) == 0
        connection.execute("ALTER TABLE enrich.events RENAME COLUMN system TO os")
        async with asyncio.timeout(10):
            while len(enrich.rows()) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    stop.set()
    await running
    assert len(await enrich.forwarded()) == 1

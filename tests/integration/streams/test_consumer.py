"""The loop of every reader, on a real Redis: chunks of entries, and entries that a dead reader left."""

import asyncio
from collections import Counter
from typing import cast

from libs.stores.redis_client import RedisClient
from libs.streams.groups import SMALL_CHUNK_BYTES
from tests.integration.streams.job import (
    ATTEMPTS,
    Job,
    consuming,
    die_holding,
    quarantined,
)
from tests.integration.streams.stream import STREAM, add
from tests.support.streams import settled
from tests.support.waiting import until


async def test_everything_is_worked_on_once_and_acknowledged(client: RedisClient) -> None:
    await add(client, 500)
    job = Job()
    async with consuming(client, job, idle=60):
        await settled(client, STREAM)
        await add(client, 1)
        await settled(client, STREAM)
    assert job.done == Counter([*range(500), 0])
    assert await quarantined(client) == []


async def test_what_a_dead_consumer_left_is_done_alone(client: RedisClient) -> None:
    await add(client, 5)
    await die_holding(client, deaths_alone=2)
    job = Job()
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.chunks == [1] * 5
    assert job.done == Counter(range(5))
    assert not await client.exists(ATTEMPTS)


async def test_what_waits_for_its_turn_is_not_taken_over_again(client: RedisClient) -> None:
    async def owners() -> set[bytes]:
        pending = await client.xpending_range(STREAM, "g", min="-", max="+", count=10)
        return {bytes(row["consumer"]) for row in cast(list[dict[str, bytes]], pending)}

    await add(client, 3)
    await die_holding(client, deaths_alone=0)
    job = Job()
    job.down = True
    # Longer than a busy machine keeps one of them waiting for its turn.
    async with consuming(client, job, idle=2.0, consumer="first"):
        await until(lambda: job.chunks)
        async with consuming(client, job, idle=2.0, consumer="second"):
            for _ in range(25):
                await asyncio.sleep(0.1)
                assert await owners() == {b"first"}
            job.down = False
            await settled(client, STREAM)
    assert job.done == Counter(range(3))


async def test_two_chunks_overlap_and_no_third(client: RedisClient) -> None:
    job = Job()
    job.open.clear()
    async with consuming(client, job, idle=0.05, overlap=2):
        for chunks in (1, 2):
            await add(client, 1)
            await until(lambda: len(job.chunks) == chunks)  # noqa: B023
        await add(client, 1)
        # Long after they could have been claimed: an entry that is being processed is not claimed.
        await asyncio.sleep(0.5)
        assert job.chunks == [1, 1]
        job.open.set()
        await settled(client, STREAM)
    assert job.done == Counter({0: 3})


async def test_nothing_is_read_while_it_is_held_back(client: RedisClient) -> None:
    job = Job()
    full = True
    await add(client, 3)
    async with consuming(client, job, is_paused=lambda: full):
        await asyncio.sleep(0.4)
        assert job.chunks == []
        full = False
        await settled(client, STREAM)
    assert job.done == Counter(range(3))


async def test_a_chunk_at_hand_is_finished_and_no_other_begun(client: RedisClient) -> None:
    await add(client, 1)
    job = Job()
    job.open.clear()
    async with consuming(client, job, idle=60) as stop:
        await until(lambda: job.chunks)
        [unread] = await add(client, 1)
        stop.set()
    assert job.done == Counter([0])
    [group] = await client.xinfo_groups(STREAM)
    assert group["pending"] == 0
    assert group["last-delivered-id"] < unread


async def test_small_chunks_wait_for_more_and_the_first_does_not(client: RedisClient) -> None:
    job = Job()
    # In so long a time the test adds all that the second chunk shall have.
    async with consuming(client, job, idle=60, small_chunk_seconds=2.0):
        await add(client, 1)
        await until(lambda: job.chunks)
        for _ in range(5):
            await add(client, 1)
        await settled(client, STREAM)
    assert job.chunks == [1, 5]


async def test_a_large_chunk_waits_for_nothing(client: RedisClient) -> None:
    job = Job()
    async with consuming(client, job, idle=60, small_chunk_seconds=3_600.0):
        await add(client, 1)
        await until(lambda: job.chunks)
        await add(client, 1, size=SMALL_CHUNK_BYTES)
        await settled(client, STREAM)
    assert job.chunks == [1, 1]


async def test_a_small_chunk_that_is_read_is_worked_on_before_the_consumer_stops(
    client: RedisClient,
) -> None:
    job = Job()
    async with consuming(client, job, idle=60, small_chunk_seconds=3_600.0) as stop:
        await add(client, 1)
        await until(lambda: job.chunks)
        await add(client, 1)
        # It is read, and waits for more.
        await until(lambda: _pending(client))
        stop.set()
    assert job.done == Counter({0: 2})
    assert await _pending(client) == 0


async def _pending(client: RedisClient) -> int:
    return int((await client.xpending(STREAM, "g"))["pending"])

"""Entries that no reader can handle are tried alone, and then quarantined, within limits."""

import asyncio
from collections import Counter

from redis.exceptions import DataError

from libs.stores.redis_client import RedisClient
from libs.streams.errors import NotYetError, UnreadableError
from libs.streams.groups import Entry
from libs.streams.quarantine import Quarantine
from tests.integration.streams.job import (
    ATTEMPTS,
    QUARANTINE,
    Job,
    consuming,
    die_holding,
    quarantined,
)
from tests.integration.streams.stream import STREAM, add
from tests.support.streams import settled
from tests.support.waiting import until


async def test_what_fails_is_tried_alone_and_quarantined_and_its_neighbours_go_on(
    client: RedisClient,
) -> None:
    ids = await add(client, 9)
    job = Job()
    job.trouble[7] = ZeroDivisionError()
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.done == Counter(set(range(9)) - {7})
    assert await quarantined(client) == [
        {b"n": b"7", b"pad": b"x", b"stream": STREAM.encode(), b"entry": ids[7]}
    ]
    # With its chunk, after that alone, and then three times when it came back.
    assert job.chunks == [9] + 9 * [1] + 3 * [1]
    assert not await client.exists(ATTEMPTS)


async def test_what_cannot_be_sent_to_redis_is_no_outage(client: RedisClient) -> None:
    await add(client, 3)
    job = Job()
    # As when a value is missing: redis-py raises it before anything is sent.
    job.trouble[1] = DataError("Invalid input of type: 'NoneType'")
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.done == Counter([0, 2])
    assert [fields[b"n"] for fields in await quarantined(client)] == [b"1"]


async def test_what_is_fixed_in_time_is_done_and_forgotten(client: RedisClient) -> None:
    await add(client, 5)
    job = Job()
    job.trouble[2] = ZeroDivisionError()
    async with consuming(client, job):
        await until(lambda: client.exists(ATTEMPTS))
        del job.trouble[2]
        await settled(client, STREAM)
    assert job.done == Counter(range(5))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_what_has_to_wait_is_tried_however_often_and_its_neighbours_go_on(
    client: RedisClient,
) -> None:
    await add(client, 5)
    job = Job()
    job.trouble[2] = NotYetError("the catalog is older than the event")
    async with consuming(client, job):
        # With its chunk, after that alone, and then twice as often as would be too often for a failure.
        await until(lambda: len(job.chunks) >= 6 + 2 * 3)
        assert job.done == Counter([0, 1, 3, 4])
        assert not await client.exists(QUARANTINE)
        del job.trouble[2]
        await settled(client, STREAM)
    assert job.done == Counter(range(5))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_what_is_unreadable_is_quarantined_at_once(client: RedisClient) -> None:
    await add(client, 5)
    job = Job()
    job.trouble[2] = UnreadableError("what is this")
    async with consuming(client, job, idle=60):
        await settled(client, STREAM)
    assert job.done == Counter([0, 1, 3, 4])
    assert [fields[b"n"] for fields in await quarantined(client)] == [b"2"]


async def test_what_too_many_died_of_is_not_tried_again(client: RedisClient) -> None:
    await add(client, 2)
    await die_holding(client, deaths_alone=3)
    job = Job()
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.chunks == []
    assert [fields[b"n"] for fields in await quarantined(client)] == [b"0", b"1"]
    assert not await client.exists(ATTEMPTS)


async def test_what_is_quarantined_counts_once_against_the_limit(client: RedisClient) -> None:
    await add(client, 4)
    await die_holding(client, deaths_alone=3)
    async with consuming(client, Job(), max_entries=4):
        await settled(client, STREAM)
    assert len(await quarantined(client)) == 4


async def test_what_too_many_died_of_may_be_settled_in_another_way(client: RedisClient) -> None:
    await add(client, 2)
    await die_holding(client, deaths_alone=3)
    job, other = Job(), Job()
    async with consuming(client, job, dead_letter=other.work):
        await settled(client, STREAM)
    assert (job.chunks, other.done) == ([], Counter([0, 1]))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_a_release_that_handles_nothing_does_not_settle_everything_in_another_way(
    client: RedisClient,
) -> None:
    await add(client, 9)
    job, other = Job(), Job()
    job.trouble = {number: ZeroDivisionError() for number in range(9)}
    async with consuming(client, job, dead_letter=other.work, max_entries=3):
        await settled(client, STREAM, pending=6)
        await asyncio.sleep(0.5)  # they came back, more than once
        assert other.done.total() == 3
        # The release is fixed: what is left is processed.
        job.trouble = {}
        await settled(client, STREAM)
    assert job.done + other.done == Counter(range(9))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_a_second_shard_has_a_quarantine_of_its_own(client: RedisClient) -> None:
    quarantine = Quarantine(client, "g", max_attempts=1, max_entries=1)
    for shard in (0, 1):
        entry = Entry(b"test:{%d}:work" % shard, b"1-1", {b"n": b"1"})
        assert await quarantine.admit(entry)
        assert not await quarantine.admit(entry)
        await quarantine.add(entry)
        assert await client.xlen(f"g:{{{shard}}}:quarantine") == 1
        # A reader that finds it again before the acknowledgement is seen begins anew.
        assert not await client.exists(f"g:{{{shard}}}:attempts")


async def test_so_many_failures_that_the_release_is_at_fault_stay(client: RedisClient) -> None:
    await add(client, 4)
    job = Job()
    job.trouble = {number: UnreadableError("no") for number in (0, 1, 3)}
    async with consuming(client, job, max_entries=2):
        await settled(client, STREAM, pending=1)
        await asyncio.sleep(0.3)  # it came back, more than once
        assert len(await quarantined(client)) == 2
        await client.delete(QUARANTINE)
        await settled(client, STREAM)
    assert job.done == Counter([2])
    assert [fields[b"n"] for fields in await quarantined(client)] == [b"3"]

"""While a store is away or overloaded, nothing is lost and nothing is held against the entries."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from prometheus_client import REGISTRY

from libs.stores.redis_client import RedisClient
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from tests.integration.streams.job import (
    ATTEMPTS,
    QUARANTINE,
    Job,
    OverloadedError,
    consuming,
    quarantined,
)
from tests.integration.streams.stream import STREAM, add
from tests.support.streams import settled
from tests.support.waiting import until


def _more_done(job: Job, before: int) -> bool:
    return job.done.total() > before


async def test_while_a_store_is_down_everything_is_kept(client: RedisClient) -> None:
    await add(client, 20)
    job = Job()
    job.down = True
    async with consuming(client, job, idle=60):
        await until(lambda: len(job.chunks) >= 3)
        assert len(set(job.chunks)) == 1  # not taken apart: no entry is at fault
        job.down = False
        await settled(client, STREAM)
    assert job.done == Counter(range(20))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_a_chunk_that_is_too_much_for_the_store_is_done_in_parts(client: RedisClient) -> None:
    await add(client, 20)
    job = Job()
    job.most = 3
    async with consuming(client, job, idle=60):
        await settled(client, STREAM)
    assert job.done == Counter(range(20))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_an_entry_at_which_the_store_fails_while_others_succeed_is_at_fault(
    client: RedisClient,
) -> None:
    await add(client, 20)
    job = Job()
    job.trouble = {7: OverloadedError()}
    async with consuming(client, job):
        # A failure is held against it only if the store has done other work since the last one.
        while not await client.exists(QUARANTINE):
            before = job.done.total()
            await add(client, 1)
            await until(partial(_more_done, job, before))
    assert [fields[b"n"] for fields in await quarantined(client)] == [b"7"]
    assert set(job.done) == {*range(20)} - {7}


async def test_a_store_that_fails_at_everything_is_not_the_fault_of_the_entries(
    client: RedisClient,
) -> None:
    await add(client, 4)
    job = Job()
    job.most = 0
    async with consuming(client, job):
        # Each of them has been tried alone, several times.
        await until(lambda: job.chunks.count(1) >= 4 * 3)
        job.most = 1_000_000
        await settled(client, STREAM)
    assert job.done == Counter(range(4))
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_an_unreadable_entry_is_no_success_of_a_store_that_fails_at_everything(
    client: RedisClient,
) -> None:
    class ReadsFirst(Job):
        async def work(self, entries: Sequence[Entry]) -> None:
            if any(entry.fields[b"n"] == b"1" for entry in entries):
                self.chunks.append(len(entries))
                raise UnreadableError("not a batch")
            await super().work(entries)

    def failures() -> float:
        return REGISTRY.get_sample_value("weir_stream_failed_entries_total", {"group": "g"}) or 0

    await add(client, 2)
    job = ReadsFirst()
    job.most, before = 0, failures()
    async with consuming(client, job, idle=60):
        # The other one was tried alone before this one was quarantined, and in two more rounds after that.
        await until(lambda: job.chunks.count(1) >= 1 + 3 * 3)
        assert len(await quarantined(client)) == 1
        # That is the unreadable entry: no failure is held against the other one.
        assert failures() - before == 1
        job.most = 1_000_000
        await settled(client, STREAM)
    assert job.done == Counter([0])
    assert not await client.exists(ATTEMPTS)


async def test_a_stop_while_a_store_is_down_leaves_the_entries_to_others(
    client: RedisClient,
) -> None:
    await add(client, 5)
    job = Job()
    job.down = True
    async with consuming(client, job, idle=0.1) as stop:
        await until(lambda: job.chunks)
        stop.set()
    await settled(client, STREAM, pending=5)
    # Another reader has them, also waits, and is asked to stop: no attempt is counted against them.
    async with consuming(client, job, consumer="other") as stop:
        await until(lambda: len(job.chunks) > 2)
        stop.set()
    assert not await client.exists(ATTEMPTS)
    job.down = False
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.done == Counter(range(5))


async def test_however_many_wait_for_a_store_nothing_is_quarantined_for_that(
    client: RedisClient,
) -> None:
    await add(client, 3)
    job = Job()
    job.down = True
    async with AsyncExitStack() as replicas:
        # More than there are attempts; and each is idle for longer than it takes to claim.
        for number in range(8):
            replica = consuming(client, job, consumer=f"replica {number}", idle=0.1)
            await replicas.enter_async_context(replica)
        await asyncio.sleep(2.0)
        assert not await client.exists(QUARANTINE)
        job.down = False
        await settled(client, STREAM)
    assert job.done.keys() == {0, 1, 2}
    assert not await client.exists(QUARANTINE, ATTEMPTS)


async def test_an_emptied_redis_only_delays(client: RedisClient) -> None:
    job = Job()
    async with consuming(client, job, idle=60):
        await add(client, 2)
        await settled(client, STREAM)
        await client.flushall()
        await add(client, 2)
        await settled(client, STREAM)
    assert job.done == Counter({0: 2, 1: 2})

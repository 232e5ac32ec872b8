"""The loop of every reader, on a real Redis: everything is done, and what cannot be is put aside."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from redis.asyncio import Redis

from libs.common.store_failure import StoreFailure
from libs.streams.consumer import Consumer
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from libs.streams.quarantine import Quarantine
from tests.integration.streams.stream import STREAM, add, group_of
from tests.support.streams import settled
from tests.support.waiting import until

POISON, ATTEMPTS = "g:{0}:poison", "g:{0}:attempts"


class StoreDownError(Exception):
    pass


class OverloadedError(Exception):
    pass


def failure_of(error: Exception) -> StoreFailure | None:
    if isinstance(error, StoreDownError):
        return StoreFailure.UNAVAILABLE
    return StoreFailure.OVERLOADED if isinstance(error, OverloadedError) else None


class Job:
    """Counts how often each number was worked on; `trouble` is raised for some of them."""

    def __init__(self) -> None:
        self.done: Counter[int] = Counter()
        self.chunks: list[int] = []
        self.trouble: dict[int, Exception] = {}
        self.down = False
        # More at a time is too much for the store.
        self.most = 1_000_000
        self.open = asyncio.Event()
        self.open.set()

    async def work(self, entries: Sequence[Entry]) -> None:
        self.chunks.append(len(entries))
        await self.open.wait()
        if self.down:
            raise StoreDownError
        if len(entries) > self.most:
            raise OverloadedError
        numbers = [int(entry.fields[b"n"]) for entry in entries]
        for number in numbers:
            if number in self.trouble:
                raise self.trouble[number]
        self.done.update(numbers)


@asynccontextmanager
async def consuming(
    client: Redis,
    job: Job,
    *,
    consumer: str = "me",
    idle: float = 0.1,
    max_entries: int = 100,
    **options: Any,
) -> AsyncIterator[asyncio.Event]:
    """A consumer that runs until the block is left, or the event is set."""
    reader = Consumer(
        group_of(client, consumer=consumer, idle=idle),
        Quarantine(client, "g", max_attempts=3, max_entries=max_entries),
        job.work,
        failure_of=failure_of,
        jitter=lambda: 0.0,
        **options,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(reader.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        job.open.set()
        await running


def _more_done(job: Job, before: int) -> bool:
    return job.done.total() > before


async def poison_of(client: Redis) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in await client.xrange(POISON)]


async def die_holding(client: Redis, deaths_alone: int) -> None:
    """Somebody was given all entries, then others each of them alone; all of them died."""
    dead = group_of(client, consumer="dead")
    await dead.create()
    quarantine = Quarantine(client, "g", max_attempts=3, max_entries=100)
    for entry in await dead.read(0.01):
        for _ in range(deaths_alone):
            await quarantine.admit(entry)


async def test_everything_is_worked_on_once_and_acknowledged(client: Redis) -> None:
    await add(client, 500)
    job = Job()
    async with consuming(client, job, idle=60):
        await settled(client, STREAM)
        await add(client, 1)
        await settled(client, STREAM)
    assert job.done == Counter([*range(500), 0])
    assert await poison_of(client) == []


async def test_while_a_store_is_down_everything_is_kept(client: Redis) -> None:
    await add(client, 20)
    job = Job()
    job.down = True
    async with consuming(client, job, idle=60):
        await until(lambda: len(job.chunks) >= 3)
        assert len(set(job.chunks)) == 1  # not taken apart: no entry is at fault
        job.down = False
        await settled(client, STREAM)
    assert job.done == Counter(range(20))
    assert not await client.exists(POISON, ATTEMPTS)


async def test_a_chunk_that_is_too_much_for_the_store_is_done_in_parts(client: Redis) -> None:
    await add(client, 20)
    job = Job()
    job.most = 3
    async with consuming(client, job, idle=60):
        await settled(client, STREAM)
    assert job.done == Counter(range(20))
    assert not await client.exists(POISON, ATTEMPTS)


async def test_an_entry_at_which_the_store_fails_while_others_succeed_is_at_fault(
    client: Redis,
) -> None:
    await add(client, 20)
    job = Job()
    job.trouble = {7: OverloadedError()}
    async with consuming(client, job):
        # A failure is held against it only if the store has done other work since the last one.
        while not await client.exists(POISON):
            before = job.done.total()
            await add(client, 1)
            await until(partial(_more_done, job, before))
    assert [fields[b"n"] for fields in await poison_of(client)] == [b"7"]
    assert set(job.done) == {*range(20)} - {7}


async def test_a_store_that_fails_at_everything_is_not_the_fault_of_the_entries(
    client: Redis,
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
    assert not await client.exists(POISON, ATTEMPTS)


async def test_a_stop_while_a_store_is_down_leaves_the_entries_to_others(client: Redis) -> None:
    await add(client, 5)
    job = Job()
    job.down = True
    async with consuming(client, job, idle=0.1) as stop:
        await until(lambda: job.chunks)
        stop.set()
    await settled(client, STREAM, pending=5)
    # Somebody else has them in hand, also waits, and is told to stop: no attempt is held against them.
    async with consuming(client, job, consumer="other") as stop:
        await until(lambda: len(job.chunks) > 2)
        stop.set()
    assert not await client.exists(ATTEMPTS)
    job.down = False
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.done == Counter(range(5))


async def test_what_fails_is_tried_alone_and_put_aside_and_its_neighbours_go_on(
    client: Redis,
) -> None:
    ids = await add(client, 9)
    job = Job()
    job.trouble[7] = ZeroDivisionError()
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.done == Counter(set(range(9)) - {7})
    assert await poison_of(client) == [
        {b"n": b"7", b"pad": b"x", b"stream": STREAM.encode(), b"entry": ids[7]}
    ]
    # With its chunk, after that alone, and then three times when it came back.
    assert job.chunks == [9] + 9 * [1] + 3 * [1]
    assert not await client.exists(ATTEMPTS)


async def test_what_is_mended_in_time_is_done_and_forgotten(client: Redis) -> None:
    await add(client, 5)
    job = Job()
    job.trouble[2] = ZeroDivisionError()
    async with consuming(client, job):
        await until(lambda: client.exists(ATTEMPTS))
        del job.trouble[2]
        await settled(client, STREAM)
    assert job.done == Counter(range(5))
    assert not await client.exists(POISON, ATTEMPTS)


async def test_what_is_unreadable_is_put_aside_at_once(client: Redis) -> None:
    await add(client, 5)
    job = Job()
    job.trouble[2] = UnreadableError("what is this")
    async with consuming(client, job, idle=60):
        await settled(client, STREAM)
    assert job.done == Counter([0, 1, 3, 4])
    assert [fields[b"n"] for fields in await poison_of(client)] == [b"2"]


async def test_what_a_dead_consumer_left_is_done_alone(client: Redis) -> None:
    await add(client, 5)
    await die_holding(client, deaths_alone=2)
    job = Job()
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.chunks == [1] * 5
    assert job.done == Counter(range(5))
    assert not await client.exists(ATTEMPTS)


async def test_what_too_many_died_of_is_not_tried_again(client: Redis) -> None:
    await add(client, 2)
    await die_holding(client, deaths_alone=3)
    job = Job()
    async with consuming(client, job):
        await settled(client, STREAM)
    assert job.chunks == []
    assert [fields[b"n"] for fields in await poison_of(client)] == [b"0", b"1"]
    assert not await client.exists(ATTEMPTS)


async def test_what_waits_for_its_turn_is_not_taken_over_again(client: Redis) -> None:
    async def owners() -> set[bytes]:
        pending = await client.xpending_range(STREAM, "g", min="-", max="+", count=10)
        return {row["consumer"] for row in pending}

    await add(client, 3)
    await die_holding(client, deaths_alone=0)
    job = Job()
    job.down = True
    async with consuming(client, job, consumer="first"):
        await until(lambda: job.chunks)
        async with consuming(client, job, consumer="second"):
            for _ in range(10):
                await asyncio.sleep(0.1)
                assert await owners() == {b"first"}
            job.down = False
            await settled(client, STREAM)
    assert job.done == Counter(range(3))


async def test_what_is_put_aside_counts_once_against_the_limit(client: Redis) -> None:
    await add(client, 4)
    await die_holding(client, deaths_alone=3)
    async with consuming(client, Job(), max_entries=4):
        await settled(client, STREAM)
    assert len(await poison_of(client)) == 4


async def test_what_too_many_died_of_may_be_settled_in_another_way(client: Redis) -> None:
    await add(client, 2)
    await die_holding(client, deaths_alone=3)
    job, other = Job(), Job()
    async with consuming(client, job, give_up=other.work):
        await settled(client, STREAM)
    assert (job.chunks, other.done) == ([], Counter([0, 1]))
    assert not await client.exists(POISON, ATTEMPTS)


async def test_a_release_that_handles_nothing_does_not_settle_everything_in_another_way(
    client: Redis,
) -> None:
    await add(client, 9)
    job, other = Job(), Job()
    job.trouble = {number: ZeroDivisionError() for number in range(9)}
    async with consuming(client, job, give_up=other.work, max_entries=3):
        await settled(client, STREAM, pending=6)
        await asyncio.sleep(0.5)  # they came back, more than once
        assert other.done.total() == 3
        # The release is mended: what is left is worked on.
        job.trouble = {}
        await settled(client, STREAM)
    assert job.done + other.done == Counter(range(9))
    assert not await client.exists(POISON, ATTEMPTS)


async def test_however_many_wait_for_a_store_nothing_is_put_aside_for_that(client: Redis) -> None:
    await add(client, 3)
    job = Job()
    job.down = True
    async with AsyncExitStack() as replicas:
        # More than there are attempts; and each is idle for longer than it takes to claim.
        for number in range(8):
            replica = consuming(client, job, consumer=f"replica {number}", idle=0.1)
            await replicas.enter_async_context(replica)
        await asyncio.sleep(2.0)
        assert not await client.exists(POISON)
        job.down = False
        await settled(client, STREAM)
    assert job.done.keys() == {0, 1, 2}
    assert not await client.exists(POISON, ATTEMPTS)


async def test_a_second_shard_has_a_quarantine_of_its_own(client: Redis) -> None:
    quarantine = Quarantine(client, "g", max_attempts=1, max_entries=1)
    for shard in (0, 1):
        entry = Entry(b"test:{%d}:work" % shard, b"1-1", {b"n": b"1"})
        assert await quarantine.admit(entry)
        assert not await quarantine.admit(entry)
        await quarantine.put_aside(entry)
        assert await client.xlen(f"g:{{{shard}}}:poison") == 1
        # Whoever comes upon it again before the acknowledgement is seen begins anew.
        assert not await client.exists(f"g:{{{shard}}}:attempts")


async def test_so_much_poison_that_it_is_us_stays_where_it_is(client: Redis) -> None:
    await add(client, 4)
    job = Job()
    job.trouble = {number: UnreadableError("no") for number in (0, 1, 3)}
    async with consuming(client, job, max_entries=2):
        await settled(client, STREAM, pending=1)
        await asyncio.sleep(0.3)  # it came back, more than once
        assert len(await poison_of(client)) == 2
        await client.delete(POISON)
        await settled(client, STREAM)
    assert job.done == Counter([2])
    assert [fields[b"n"] for fields in await poison_of(client)] == [b"3"]


async def test_two_chunks_overlap_and_no_third(client: Redis) -> None:
    job = Job()
    job.open.clear()
    async with consuming(client, job, idle=0.05, overlap=2):
        for chunks in (1, 2):
            await add(client, 1)
            await until(lambda: len(job.chunks) == chunks)  # noqa: B023
        await add(client, 1)
        # Long after they could have been claimed: what is in hand is not taken for abandoned.
        await asyncio.sleep(0.5)
        assert job.chunks == [1, 1]
        job.open.set()
        await settled(client, STREAM)
    assert job.done == Counter({0: 3})


async def test_nothing_is_read_while_it_is_held_back(client: Redis) -> None:
    job = Job()
    full = True
    await add(client, 3)
    async with consuming(client, job, is_held_back=lambda: full):
        await asyncio.sleep(0.4)
        assert job.chunks == []
        full = False
        await settled(client, STREAM)
    assert job.done == Counter(range(3))


async def test_an_emptied_redis_only_delays(client: Redis) -> None:
    job = Job()
    async with consuming(client, job, idle=60):
        await add(client, 2)
        await settled(client, STREAM)
        await client.flushall()
        await add(client, 2)
        await settled(client, STREAM)
    assert job.done == Counter({0: 2, 1: 2})


async def test_a_chunk_at_hand_is_finished_and_no_other_begun(client: Redis) -> None:
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

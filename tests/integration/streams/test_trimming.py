"""Trimming on a real Redis: only what every group has acknowledged goes."""

import asyncio

from libs.stores.redis_client import RedisClient
from libs.streams.trimming import StreamTrimmer
from tests.integration.streams.stream import STREAM, add, group_of, ids_of, read_all
from tests.support.streams import entries_of


async def _measure_nothing() -> None:
    pass


def trimmer_of(client: RedisClient, *streams: str) -> StreamTrimmer:
    return StreamTrimmer(client, streams or [STREAM], _measure_nothing)


async def test_acknowledged_entries_are_trimmed_and_no_others(client: RedisClient) -> None:
    trimmer = trimmer_of(client)
    ids = await add(client, 10)
    group = group_of(client)
    await group.create()
    entries = await read_all(group)
    await group.acknowledge([*entries[:4], *entries[5:8]])
    # The fifth is pending: it and all after it stay.
    assert await trimmer.trim() == 4
    assert [entry_id for entry_id, _ in await entries_of(client, STREAM)] == ids[4:]
    await group.acknowledge(entries[4:5])
    assert await trimmer.trim() == 4
    await group.acknowledge(entries)
    assert await trimmer.trim() == 2
    assert await client.xlen(STREAM) == 0


async def test_unread_entries_are_never_trimmed(client: RedisClient) -> None:
    trimmer = trimmer_of(client)
    await add(client, 3)
    group = group_of(client)
    assert await trimmer.trim() == 0  # no group yet
    await group.create()
    assert await trimmer.trim() == 0
    await group.acknowledge(await read_all(group))
    ids = await add(client, 2)
    assert await trimmer.trim() == 3
    assert ids_of(await read_all(group)) == ids


async def test_the_slowest_of_two_groups_decides(client: RedisClient) -> None:
    trimmer = trimmer_of(client)
    await add(client, 6)
    fast, slow = group_of(client, "fast"), group_of(client, "slow")
    await fast.create()
    await slow.create()
    await fast.acknowledge(await read_all(fast))
    assert await trimmer.trim() == 0
    entries = await read_all(slow)
    assert await trimmer.trim() == 0
    await slow.acknowledge(entries[:2])
    assert await trimmer.trim() == 2
    await slow.acknowledge(entries[2:])
    assert await trimmer.trim() == 4


async def test_no_stream_is_nothing_to_trim(client: RedisClient) -> None:
    trimmer = trimmer_of(client)
    assert await trimmer.trim() == 0


async def test_a_trimmer_trims_all_its_streams_and_then_has_the_rest_measured(
    client: RedisClient,
) -> None:
    other, left = "test:{0}:other", list[int]()
    await add(client, 3)
    group = group_of(client)
    await group.create()
    await group.acknowledge((await read_all(group))[:2])
    await client.xadd(other, {"n": 1})
    await client.xgroup_create(other, "g", id="$")
    stop = asyncio.Event()

    async def measure() -> None:
        left.append(await client.xlen(STREAM) + await client.xlen(other))
        if len(left) == 2:
            stop.set()

    await StreamTrimmer(client, [STREAM, other], measure).run(stop)
    assert left == [1, 1]


async def test_a_stream_is_trimmed_when_there_is_something_to_trim(client: RedisClient) -> None:
    async def trims() -> int:
        stats = await client.info("commandstats")
        return int(stats.get("cmdstat_xtrim", {"calls": 0})["calls"])

    group, trimmer = group_of(client), trimmer_of(client, STREAM, "test:{0}:other")
    await add(client, 3)
    await group.create()
    entries = await read_all(group)
    await trimmer.trim()
    before = await trims()
    assert await trimmer.trim() == 0
    assert await trims() == before
    await group.acknowledge(entries[:1])
    assert await trimmer.trim() == 1
    assert await trims() == before + 1
    # A Redis that was emptied, and has older ids: what was trimmed before does not count.
    await client.flushall()
    await client.xadd(STREAM, {"n": 1}, id="5-1")
    await client.xadd(STREAM, {"n": 2}, id="5-2")
    await group.create()
    await group.acknowledge((await read_all(group))[:1])
    assert await trimmer.trim() == 1
    assert [entry_id for entry_id, _ in await entries_of(client, STREAM)] == [b"5-2"]

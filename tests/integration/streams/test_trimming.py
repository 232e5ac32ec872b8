"""Trimming on a real Redis: only what every group has acknowledged goes."""

import asyncio

from redis.asyncio import Redis

from libs.streams.trimming import StreamTrimmer, trim_acknowledged
from tests.integration.streams.stream import STREAM, add, group_of, ids_of, read_all
from tests.support.streams import entries_of


async def test_acknowledged_entries_are_trimmed_and_no_others(client: Redis) -> None:
    ids = await add(client, 10)
    group = group_of(client)
    await group.create()
    entries = await read_all(group)
    await group.acknowledge([*entries[:4], *entries[5:8]])
    # The fifth is pending: it and all after it stay.
    assert await trim_acknowledged(client, STREAM) == 4
    assert [entry_id for entry_id, _ in await entries_of(client, STREAM)] == ids[4:]
    await group.acknowledge(entries[4:5])
    assert await trim_acknowledged(client, STREAM) == 4
    await group.acknowledge(entries)
    assert await trim_acknowledged(client, STREAM) == 2
    assert await client.xlen(STREAM) == 0


async def test_unread_entries_are_never_trimmed(client: Redis) -> None:
    await add(client, 3)
    group = group_of(client)
    assert await trim_acknowledged(client, STREAM) == 0  # no group yet
    await group.create()
    assert await trim_acknowledged(client, STREAM) == 0
    await group.acknowledge(await read_all(group))
    ids = await add(client, 2)
    assert await trim_acknowledged(client, STREAM) == 3
    assert ids_of(await read_all(group)) == ids


async def test_the_slowest_of_two_groups_decides(client: Redis) -> None:
    await add(client, 6)
    fast, slow = group_of(client, "fast"), group_of(client, "slow")
    await fast.create()
    await slow.create()
    await fast.acknowledge(await read_all(fast))
    assert await trim_acknowledged(client, STREAM) == 0
    entries = await read_all(slow)
    assert await trim_acknowledged(client, STREAM) == 0
    await slow.acknowledge(entries[:2])
    assert await trim_acknowledged(client, STREAM) == 2
    await slow.acknowledge(entries[2:])
    assert await trim_acknowledged(client, STREAM) == 4


async def test_no_stream_is_nothing_to_trim(client: Redis) -> None:
    assert await trim_acknowledged(client, STREAM) == 0


async def test_a_trimmer_trims_all_its_streams_and_then_has_the_rest_measured(
    client: Redis,
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

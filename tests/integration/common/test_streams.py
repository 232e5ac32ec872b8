"""Consumer groups and trimming on a real Redis: nothing unread or pending is ever lost."""

from collections.abc import Sequence

from redis.asyncio import Redis

from libs.common.streams import ConsumerGroup, Entry, trim_acknowledged

STREAM = "test:{0}:work"


def _group(
    client: Redis, name: str = "g", consumer: str = "one", idle: float = 0.0
) -> ConsumerGroup:
    return ConsumerGroup(client, [STREAM], name, consumer, idle)


async def _add(client: Redis, count: int, size: int = 1) -> list[bytes]:
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.xadd(STREAM, {"n": number, "pad": b"x" * size})
        added: list[bytes] = await pipeline.execute()
    return added


def _ids(entries: Sequence[Entry]) -> list[bytes]:
    return [entry.entry_id for entry in entries]


async def _read_all(group: ConsumerGroup) -> list[Entry]:
    found: list[Entry] = []
    while entries := await group.read(0.001):
        found += entries
    return found


async def _length(client: Redis) -> int:
    return int(await client.xlen(STREAM))


async def test_entries_from_before_the_group_are_read(client: Redis) -> None:
    ids = await _add(client, 3)
    group = _group(client)
    await group.create()
    await group.create()
    [first, *_] = entries = await _read_all(group)
    assert _ids(entries) == ids
    assert (first.stream, first.fields) == (STREAM.encode(), {b"n": b"0", b"pad": b"x"})


async def test_a_missing_group_is_made_again_from_the_oldest_entry(client: Redis) -> None:
    group = _group(client)
    await group.create()
    await client.flushall()
    ids = await _add(client, 2)
    assert await group.read(0.001) == []
    assert _ids(await group.read(0.001)) == ids
    await client.flushall()
    assert await group.claim_abandoned() == []
    ids = await _add(client, 2)
    assert _ids(await group.read(0.001)) == ids


async def test_an_abandoned_entry_goes_to_who_asks_next(client: Redis) -> None:
    ids = await _add(client, 3)
    dead, alive = _group(client, consumer="dead"), _group(client, consumer="alive")
    await dead.create()
    entries = await _read_all(dead)
    await dead.acknowledge(entries[:1])
    claimed = await alive.claim_abandoned()
    assert _ids(claimed) == ids[1:]
    assert claimed == entries[1:]
    assert [await alive.delivery_count(entry) for entry in claimed] == [2, 2]
    assert await alive.delivery_count(entries[0]) == 0
    await alive.acknowledge(claimed)
    assert await alive.claim_abandoned() == []


async def test_an_entry_that_is_being_worked_on_is_left_alone(client: Redis) -> None:
    await _add(client, 3)
    busy = _group(client, consumer="busy")
    await busy.create()
    await _read_all(busy)
    assert await _group(client, consumer="other", idle=3_600.0).claim_abandoned() == []


async def test_thousands_of_abandoned_entries_are_all_taken_over(client: Redis) -> None:
    ids = await _add(client, 3_500)
    dead, alive = _group(client, consumer="dead"), _group(client, consumer="alive")
    await dead.create()
    assert len(await _read_all(dead)) == 3_500
    claimed: list[bytes] = []
    while entries := await alive.claim_abandoned():
        claimed += _ids(entries)
        await alive.acknowledge(entries)
    assert claimed == ids


async def test_a_chunk_is_smaller_where_entries_are_larger(client: Redis) -> None:
    await _add(client, 60, size=700_000)
    group = _group(client)
    await group.create()
    chunks = []
    while entries := await group.read(0.001):
        chunks.append(len(entries))
    assert chunks[-1] <= 3
    assert sum(chunks) == 60


async def test_acknowledged_entries_are_trimmed_and_no_others(client: Redis) -> None:
    ids = await _add(client, 10)
    group = _group(client)
    await group.create()
    entries = await _read_all(group)
    await group.acknowledge([*entries[:4], *entries[5:8]])
    # The fifth is pending: it and all after it stay.
    assert await trim_acknowledged(client, STREAM) == 4
    assert [entry_id for entry_id, _ in await client.xrange(STREAM)] == ids[4:]
    await group.acknowledge(entries[4:5])
    assert await trim_acknowledged(client, STREAM) == 4
    await group.acknowledge(entries)
    assert await trim_acknowledged(client, STREAM) == 2
    assert await _length(client) == 0


async def test_unread_entries_are_never_trimmed(client: Redis) -> None:
    await _add(client, 3)
    group = _group(client)
    assert await trim_acknowledged(client, STREAM) == 0  # no group yet
    await group.create()
    assert await trim_acknowledged(client, STREAM) == 0
    await group.acknowledge(await _read_all(group))
    ids = await _add(client, 2)
    assert await trim_acknowledged(client, STREAM) == 3
    assert _ids(await _read_all(group)) == ids


async def test_the_slowest_of_two_groups_decides(client: Redis) -> None:
    await _add(client, 6)
    fast, slow = _group(client, "fast"), _group(client, "slow")
    await fast.create()
    await slow.create()
    await fast.acknowledge(await _read_all(fast))
    assert await trim_acknowledged(client, STREAM) == 0
    entries = await _read_all(slow)
    assert await trim_acknowledged(client, STREAM) == 0
    await slow.acknowledge(entries[:2])
    assert await trim_acknowledged(client, STREAM) == 2
    await slow.acknowledge(entries[2:])
    assert await trim_acknowledged(client, STREAM) == 4


async def test_no_stream_is_nothing_to_trim(client: Redis) -> None:
    assert await trim_acknowledged(client, STREAM) == 0

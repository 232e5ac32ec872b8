"""Consumer groups on a real Redis: nothing unread or pending is ever lost."""

import asyncio

from libs.stores.redis_client import RedisClient
from libs.streams.groups import MAX_STEP_ENTRIES, TARGET_CHUNK_BYTES, ConsumerGroup
from tests.integration.streams.stream import STREAM, add, group_of, ids_of, read_all


async def test_entries_from_before_the_group_are_read(client: RedisClient) -> None:
    ids = await add(client, 3)
    group = group_of(client)
    await group.create()
    await group.create()
    [first, *_] = entries = await read_all(group)
    assert ids_of(entries) == ids
    assert (first.stream, first.fields) == (STREAM.encode(), {b"n": b"0", b"pad": b"x"})


async def test_a_missing_group_is_made_again_from_the_oldest_entry(client: RedisClient) -> None:
    group = group_of(client)
    await group.create()
    await client.flushall()
    ids = await add(client, 2)
    assert await group.read(0.001) == []
    assert ids_of(await group.read(0.001)) == ids
    await client.flushall()
    assert await group.claim_abandoned() == []
    ids = await add(client, 2)
    assert ids_of(await group.read(0.001)) == ids


async def test_an_abandoned_entry_goes_to_who_asks_next(client: RedisClient) -> None:
    ids = await add(client, 3)
    dead, alive = group_of(client, consumer="dead"), group_of(client, consumer="alive")
    await dead.create()
    entries = await read_all(dead)
    await dead.acknowledge(entries[:1])
    claimed = await alive.claim_abandoned()
    assert ids_of(claimed) == ids[1:]
    assert claimed == entries[1:]
    await alive.acknowledge(claimed)
    assert await alive.claim_abandoned() == []


async def test_an_entry_that_is_being_worked_on_is_left_alone(client: RedisClient) -> None:
    await add(client, 3)
    busy = group_of(client, consumer="busy")
    await busy.create()
    await read_all(busy)
    assert await group_of(client, consumer="other", idle=3_600.0).claim_abandoned() == []


async def test_thousands_of_abandoned_entries_are_all_taken_over(client: RedisClient) -> None:
    ids = await add(client, 3_500)
    dead, alive = group_of(client, consumer="dead"), group_of(client, consumer="alive")
    await dead.create()
    assert len(await read_all(dead)) == 3_500
    claimed: list[bytes] = []
    while entries := await alive.claim_abandoned():
        claimed += ids_of(entries)
        await alive.acknowledge(entries)
    assert claimed == ids


async def test_a_chunk_ends_with_the_entry_that_reaches_its_size(client: RedisClient) -> None:
    # Four of these are a chunk, once the group has learned how large they are.
    await add(client, 80, size=TARGET_CHUNK_BYTES * 3 // 10)
    group = group_of(client)
    await group.create()
    chunks: list[int] = []
    while entries := await group.read(0.001):
        chunks.append(len(entries))
    assert sum(chunks) == 80
    assert chunks[-6:-1] == [4] * 5


async def test_an_abandoned_entry_is_found_behind_many_that_are_being_worked_on(
    client: RedisClient,
) -> None:
    # More than Redis looks at for one XAUTOCLAIM: ten times its COUNT.
    in_front, behind = 10 * MAX_STEP_ENTRIES + 60, 3
    ids = await add(client, in_front + behind)
    owner = group_of(client, consumer="owner")
    await owner.create()
    await read_all(owner)
    await client.xclaim(STREAM, "g", "dead", 0, list(ids[in_front:]), idle=3_600_000)
    alive = group_of(client, consumer="alive", idle=60.0)
    assert ids_of(await alive.claim_abandoned()) == ids[in_front:]
    assert await alive.claim_abandoned() == []


async def test_entries_that_stay_pending_let_those_behind_them_have_their_turn(
    client: RedisClient,
) -> None:
    ids = await add(client, 300)
    dead, alive = group_of(client, consumer="dead"), group_of(client, consumer="alive")
    await dead.create()
    await read_all(dead)
    claimed: list[bytes] = []
    # None is acknowledged, and with an idle time of 0 each of them can be claimed at any time.
    while len(claimed) < len(ids):
        claimed += ids_of(await alive.claim_abandoned())
    assert claimed == ids
    assert ids_of(await alive.claim_abandoned())[0] == ids[0]


async def test_a_claim_from_many_streams_is_no_larger_than_from_one(client: RedisClient) -> None:
    streams = [f"test:{{{shard}}}:work" for shard in range(8)]
    group = ConsumerGroup(client, streams, "g", "one", 0.0)
    await group.create()
    for stream in streams:
        for number in range(100):
            await client.xadd(stream, {"n": number})
    await read_all(group)
    claims = [await group.claim_abandoned() for _ in range(10)]
    assert max(map(len, claims)) <= MAX_STEP_ENTRIES


async def test_large_entries_after_many_small_ones_do_not_come_all_at_once(
    client: RedisClient,
) -> None:
    await add(client, 3_000)
    group = group_of(client)
    await group.create()
    while await group.read(0.001):
        pass
    await add(client, 200, size=100_000)
    largest = max(len(chunk) for chunk in [await group.read(0.001) for _ in range(10)])
    # The next entry's size is not known; but 64 of the largest that ingest takes are 256 MiB.
    assert largest <= 64


async def test_a_chunk_that_was_begun_grows_to_the_size_of_others(client: RedisClient) -> None:
    ids = await add(client, 5, size=TARGET_CHUNK_BYTES // 10)
    group = group_of(client)
    await group.create()
    begun = await group.read(0.001)
    ids += await add(client, 40, size=TARGET_CHUNK_BYTES // 10)
    grown = await group.read(0, begun)
    assert ids_of(grown) == ids[:10]
    assert await group.read(0, grown) == grown


async def test_many_small_entries_come_as_one_chunk(client: RedisClient) -> None:
    await add(client, 2_500)
    group = group_of(client)
    await group.create()
    chunks = []
    while chunk := await group.read(0.001):
        chunks.append(len(chunk))
    assert sum(chunks) == 2_500
    assert max(chunks) >= 1_000


async def test_what_is_renewed_is_not_abandoned(client: RedisClient) -> None:
    ids = await add(client, 2)
    busy, other = (group_of(client, consumer=name, idle=0.3) for name in ("busy", "other"))
    await busy.create()
    entries = await read_all(busy)
    for _ in range(4):
        await asyncio.sleep(0.15)
        await busy.renew([(entries[0].stream, entries[0].entry_id)])
        if abandoned := await other.claim_abandoned():
            break
    assert ids_of(abandoned) == ids[1:]
    # What is acknowledged does not come back by being renewed.
    await busy.acknowledge(entries)
    await busy.renew([(entries[0].stream, entries[0].entry_id)])
    assert (await client.xpending(STREAM, "g"))["pending"] == 0


async def test_a_chunk_is_smaller_where_entries_are_larger(client: RedisClient) -> None:
    await add(client, 60, size=700_000)
    group = group_of(client)
    await group.create()
    chunks = []
    while entries := await group.read(0.001):
        chunks.append(len(entries))
    assert chunks[-1] <= 3
    assert sum(chunks) == 60

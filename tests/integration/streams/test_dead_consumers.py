"""Names of consumers that are gone, on a real Redis: removed, but not while entries are pending with one."""

from datetime import timedelta

from libs.stores.redis_client import RedisClient
from libs.streams.dead_consumers import remove_dead_consumers
from tests.integration.streams.stream import STREAM, add, group_of, ids_of, read_all

AT_ONCE = timedelta(0)


async def names(client: RedisClient) -> set[bytes]:
    return {consumer["name"] for consumer in await client.xinfo_consumers(STREAM, "g")}


async def test_a_consumer_without_pending_entries_is_removed_once_it_is_idle(
    client: RedisClient,
) -> None:
    await add(client, 1)
    dead = group_of(client, consumer="dead")
    await dead.create()
    await dead.acknowledge(await read_all(dead))
    assert await names(client) == {b"dead"}
    # It has asked just now, so it is idle for milliseconds and not for a day.
    assert await remove_dead_consumers(client, "g", [STREAM]) == 0
    assert await remove_dead_consumers(client, "g", [STREAM], timedelta(days=1)) == 0
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 1
    assert await names(client) == set()


async def test_what_is_pending_keeps_its_consumer_until_another_has_claimed_it(
    client: RedisClient,
) -> None:
    ids = await add(client, 3)
    dead, heir = group_of(client, consumer="dead"), group_of(client, consumer="heir")
    await dead.create()
    assert ids_of(await read_all(dead)) == ids
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 0
    assert ids_of(await heir.claim_abandoned()) == ids
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 1
    assert await names(client) == {b"heir"}
    assert (await client.xpending(STREAM, "g"))["pending"] == 3


async def test_a_consumer_that_was_removed_goes_on_reading_and_loses_nothing(
    client: RedisClient,
) -> None:
    """One that was paused for a day, or that starts in the moment of the removal."""
    first = await add(client, 2)
    group = group_of(client)
    await group.create()
    entries = await read_all(group)
    await group.acknowledge(entries)
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 1
    second = await add(client, 2)
    found = await read_all(group)
    assert ids_of(entries) + ids_of(found) == first + second
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 0
    assert (await client.xpending(STREAM, "g"))["pending"] == 2


async def test_no_stream_and_no_group_are_nothing_to_remove(client: RedisClient) -> None:
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 0
    await add(client, 1)
    assert await remove_dead_consumers(client, "g", [STREAM], AT_ONCE) == 0

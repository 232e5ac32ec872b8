"""Who is there now, noted in Redis: worked out by hand for people who come and go in any order."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from redis.exceptions import ResponseError

from libs.stores.redis_client import RedisClient
from services.aggregate.erasure.redis import leave_gauges
from services.aggregate.gauges.redis import RedisPresence
from tests.support.clocks import FixedClock
from tests.support.gauge_events import APP, NOON, Lounge, lounge, seen
from tests.support.pseudonyms import PSEUDONYMS


@pytest.fixture
async def noted(client: RedisClient) -> Lounge:
    """An empty lounge at noon."""
    clock = FixedClock(NOON)
    presence = RedisPresence(client.commands, clock, max_groups=3)
    found = Lounge(presence, clock, lounge())
    await found.ready()
    return found


def at(noted: Lounge, minute: float) -> None:
    noted.clock.now = NOON + timedelta(minutes=minute)


async def test_join_join_leave(noted: Lounge) -> None:
    await noted.note(seen("entered", "ann", 0, "red"), seen("entered", "bob", 1, "red"))
    assert await noted.shown("inside") == (2, {'["red"]': 2})
    await noted.note(seen("left", "ann", 2, "red"))
    assert await noted.shown("inside") == (1, {'["red"]': 1})
    await noted.note(seen("left", "bob", 3, "red"))
    assert await noted.shown("inside") == (0, {})


async def test_silence_ends_a_stay_and_a_sign_of_life_prolongs_it(noted: Lounge) -> None:
    await noted.note(seen("entered", "ann", 0, "red"), seen("entered", "bob", 0, "red"))
    at(noted, 20)
    await noted.note(seen("spoke", "ann", 20, "red"))
    at(noted, 29.99)
    assert await noted.shown("inside") == (2, {'["red"]': 2})
    at(noted, 30)
    assert await noted.shown("inside") == (1, {'["red"]': 1})
    at(noted, 50)
    assert await noted.shown("inside") == (0, {})
    # Back again, hours later.
    at(noted, 300)
    await noted.note(seen("spoke", "bob", 300, "red"))
    assert await noted.shown("inside") == (1, {'["red"]': 1})


async def test_the_order_in_which_events_come_and_how_often_does_not_matter(noted: Lounge) -> None:
    events = (
        ("entered", "ann", 0, "red"),
        ("left", "ann", 1, "red"),
        ("entered", "ann", 2, "blue"),
        ("entered", "bob", 3, "red"),
        ("left", "bob", 3, "red"),
    )
    at(noted, 4)
    orders = list(enumerate(permutations(events)))
    # Each order with an Ann and a Bob of its own; the first two events come again at the end.
    for step in (0, 1, 2, 3, 4, 0, 1):
        names = [(number, *order[step]) for number, order in orders]
        await noted.note(
            *(
                seen(name, f"{who}{number}", minute, room)
                for number, name, who, minute, room in names
            )
        )
    # Each Ann left red before she entered blue; leaving at the very moment of entering is leaving.
    assert len(orders) == 120
    assert await noted.shown("inside") == (120, {'["blue"]': 120})
    assert await noted.shown("nearest") == (120, {'["blue"]': 120})


async def test_in_two_groups_at_once(noted: Lounge) -> None:
    await noted.note(seen("entered", "ann", 0, "red"), seen("entered", "ann", 1, "blue"))
    # One person, in two rooms; where entering leaves the others, in the last one.
    assert await noted.shown("inside") == (1, {'["red"]': 1, '["blue"]': 1})
    assert await noted.shown("nearest") == (1, {'["blue"]': 1})
    await noted.note(seen("left", "ann", 2, "blue"))
    assert await noted.shown("inside") == (1, {'["red"]': 1})
    # She is not back in red because she left blue.
    assert await noted.shown("nearest") == (0, {})


async def test_leaving_arrives_before_entering(noted: Lounge) -> None:
    await noted.note(seen("left", "ann", 2, "red"))
    await noted.note(seen("entered", "ann", 1, "red"))
    assert await noted.shown("inside") == (0, {})
    await noted.note(seen("entered", "ann", 3, "red"))
    assert await noted.shown("inside") == (1, {'["red"]': 1})


async def test_online_by_receipt_in_all_and_by_group(noted: Lounge) -> None:
    await noted.note(
        # Their clocks are wrong by minutes, which does not matter.
        seen("looked", "ann", -20, house="north"),
        seen("looked", "bob", 8, house="north"),
        seen("looked", "eve", 0),
        seen("looked", "", 0, house="north"),
        seen("looked", "old", -51, house="north"),
    )
    assert await noted.shown("online") == (3, {'["north"]': 2, "[null]": 1})
    at(noted, 4)
    await noted.note(seen("looked", "ann", 4, house="south"))
    assert await noted.shown("online") == (3, {'["north"]': 2, '["south"]': 1, "[null]": 1})
    at(noted, 5)
    assert await noted.shown("online") == (1, {'["south"]': 1})
    at(noted, 9)
    assert await noted.shown("online") == (0, {})


async def test_sessions_are_counted_by_session(noted: Lounge) -> None:
    await noted.note(
        seen("entered", "ann", 0, session="s1"),
        seen("entered", "ann", 0, session="s2"),
        seen("entered", "bob", 0),
        seen("left", "", 1, session="s2"),
    )
    assert await noted.shown("visits") == (1, {})


async def test_a_session_in_which_consent_is_withdrawn_is_one(
    noted: Lounge, client: RedisClient
) -> None:
    session = "3fa85f6457174562b3fc2c963f66afa6"
    # What ingest makes of her events from then on.
    withdrawn = seen("entered", "", 1, session=PSEUDONYMS.pseudonym(APP, f"session\x00{session}"))
    withdrawn.anonymous_id = PSEUDONYMS.pseudonym(APP, "ann")
    await noted.note(seen("entered", "ann", 0, session=session), withdrawn)
    assert await noted.shown("visits") == (1, {})
    kept = [await client.dump(key) for key in await client.keys("aggregate:*")]
    assert session not in repr(kept)


async def test_one_group_alone(noted: Lounge) -> None:
    await noted.note(seen("entered", "ann", 0, "red"), seen("entered", "bob", 1, "blue"))
    found = await noted.presence_of("inside", '["red"]')
    assert (found.count, found.other, found.groups) == (1, 0, {})
    assert (await noted.presence_of("inside", '["green"]')).count == 0


async def test_more_groups_than_are_counted_apart(noted: Lounge) -> None:
    rooms = ["a", "b", "c", "d", "e"]
    for minute, room in enumerate(rooms):
        at(noted, minute)
        await noted.note(seen("entered", f"p-{room}", minute, room))
    await noted.note(seen("entered", "p-a", 4, "e"))
    found = await noted.presence_of("inside")
    assert found.count == 5
    assert found.groups == {'["a"]': 1, '["b"]': 1, '["c"]': 1}
    # Two in e, one in d; the one who is in a and in e counts once in all.
    assert found.other == 3
    await noted.note(seen("left", "p-d", 4, "d"))
    assert (await noted.presence_of("inside")).other == 2
    # The first rooms are silent: there is space for others.
    at(noted, 32.5)
    await noted.note(seen("entered", "new", 32, "f"))
    found = await noted.presence_of("inside")
    assert found.groups == {'["f"]': 1}
    assert (found.count, found.other) == (3, 2)


async def test_redis_keeps_pseudonyms_and_forgets_in_time(
    noted: Lounge, client: RedisClient
) -> None:
    await noted.note(
        seen("entered", "ann-the-person", 0, "red", session="the-session", house="north"),
        seen("looked", "ann-the-person", 0, house="north"),
    )
    kept = ""
    for key in await client.keys("aggregate:*"):
        kept += f"{key!r} {await client.dump(key)!r}"
        assert 0 < await client.pttl(key) <= 86_400_000
    assert "ann-the-person" not in kept
    assert "the-session" not in kept
    at(noted, 31)
    await noted.note(seen("entered", "bob", 31, "blue"), seen("looked", "bob", 31, house="south"))
    prefix = f"aggregate:{{{APP}}}:gauge:inside:{noted.plan.gauges['inside'].definition}"
    assert await client.hlen(f"{prefix}:stays") == 1
    assert await client.zcard(f"{prefix}:touched") == 1
    assert await client.zcard(f"{prefix}:all") == 1
    assert await client.zrange(f"{prefix}:places", 0, -1) == [b'["blue"]']


async def test_an_erased_person_is_in_no_gauge_and_the_hash_of_a_session_ends_in_time(
    noted: Lounge, client: RedisClient
) -> None:
    """As docs/privacy.md says: a session's hash stays for the gauge's silence, here 30 minutes, and if
    nothing more is counted, for twice that and an hour."""
    await noted.note(
        seen("entered", "ann", 0, "red", session="of-ann"), seen("looked", "ann", 0, house="north")
    )
    persons = PSEUDONYMS.all_epochs(APP, "ann")

    async def keys_with_ann() -> int:
        keys = await client.keys("aggregate:*")
        kept = [await client.dump(key) or b"" for key in keys]
        return sum(any(person.encode() in each for person in persons) for each in kept)

    assert await keys_with_ann() > 3
    # All but the one of sessions: online, inside and nearest.
    assert await leave_gauges(client, APP, persons) == 3
    assert await keys_with_ann() == 0

    visits = f"aggregate:{{{APP}}}:gauge:visits:{noted.plan.gauges['visits'].definition}"
    [session] = await client.zrange(f"{visits}:all", 0, -1)
    for key in (f"{visits}:all", f"{visits}:stays", f"{visits}:touched"):
        assert 0 < await client.pttl(key) <= 2 * 3_600_000
    at(noted, 31)
    await noted.note(seen("entered", "bob", 31, "red", session="of-bob"))
    assert session not in await client.zrange(f"{visits}:all", 0, -1)
    assert await client.hlen(f"{visits}:stays") == 1
    assert await client.zcard(f"{visits}:touched") == 1


async def test_a_gauge_that_lacks_events_says_so(noted: Lounge, client: RedisClient) -> None:
    await noted.note(seen("entered", "ann", 0, "red"))
    await client.flushall()
    plans = list(noted.plan.gauges.values())
    await noted.note(seen("entered", "bob", 0, "red"))
    assert await noted.presence.read(APP, [(plan, None) for plan in plans]) == [None] * 4
    assert await noted.presence.lacking(plans) == plans
    await noted.ready()
    assert not await noted.presence.lacking(plans)
    assert await noted.shown("inside") == (1, {'["red"]': 1})


async def test_a_rebuild_whose_notes_are_lost_does_not_end(
    noted: Lounge, client: RedisClient
) -> None:
    plan = noted.plan.gauges["inside"]
    first = await noted.presence.begin(plan)
    assert first is not None
    assert await noted.presence.begin(plan) is None
    assert await first.go_on()
    await client.flushall()
    assert not await first.go_on()
    second = await noted.presence.begin(plan)
    assert second is not None
    assert not await first.finish()
    assert await second.finish()
    assert not await noted.presence.lacking([plan])


async def test_an_older_copy_of_redis_is_not_believed(noted: Lounge, client: RedisClient) -> None:
    plan = noted.plan.gauges["inside"]
    key = f"aggregate:{{{APP}}}:gauge:inside:{plan.definition}:ready"
    assert await client.get(key) == (await client.info("server"))["run_id"].encode()
    # As it would be after a restart from a file.
    await client.set(key, "0" * 40)
    assert await noted.presence.read(APP, [(plan, None)]) == [None]
    assert await noted.presence.lacking([plan]) == [plan]


async def test_a_full_redis_does_not_stop_counting(noted: Lounge, client: RedisClient) -> None:
    before: dict[Any, Any] = await client.config_get("maxmemory")
    await client.config_set("maxmemory", "100kb")
    try:
        with pytest.raises(ResponseError, match="maxmemory"):
            await client.set("more", "1")
        await noted.note(seen("entered", "ann", 0, "red"), seen("looked", "bob", 0))
    finally:
        await client.config_set("maxmemory", before["maxmemory"])
    assert await noted.shown("inside") == (1, {'["red"]': 1})
    assert await noted.shown("online") == (1, {"[null]": 1})

"""Sessions on a real Redis: several replicas write the same ones, and the earliest beginning stays."""

from collections.abc import Sequence

import orjson
import pytest

from libs.stores.redis_client import RedisClient
from services.enrich.model import Session
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.steps.session import Sighting, fold_sessions
from tests.support.clocks import FixedClock

HOUR = 3_600
NOON = 1_795_176_000
NOON_US = NOON * 1_000_000


def _store(client: RedisClient, seconds: int = NOON) -> RedisSessionStore:
    return RedisSessionStore(client.commands, FixedClock.of_us(seconds * 1_000_000), HOUR)


async def _known(store: RedisSessionStore, *session_ids: str) -> dict[str, Session]:
    never = Session(2**53 - 1, "", "")
    return await store.note("chess", 0, dict.fromkeys(session_ids, never), remember=False)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ((5, "/b", ""), (10, "/a", ""), (5, "/b", "")),
        ((10, "/a", ""), (5, "/b", ""), (5, "/b", "")),
        # Microseconds of our day, one apart.
        ((NOON_US, "/", ""), (NOON_US + 1, "/x", ""), (NOON_US, "/", "")),
        ((2**53 - 1, "/", ""), (2**53 - 2, "/", ""), (2**53 - 2, "/", "")),
        # At the same time: the greater page, then the greater referrer.
        ((5, "", "z"), (5, "/a", ""), (5, "/a", "")),
        ((5, "/a", "y"), (5, "/a", "z"), (5, "/a", "z")),
        ((5, "/ab", ""), (5, "/a", "z"), (5, "/ab", "")),
        # In the order of code points, which no locale has; and behind what JSON escapes.
        ((5, "/a", ""), (5, "/B", ""), (5, "/a", "")),
        ((5, "/é", ""), (5, "/z", ""), (5, "/é", "")),
        ((5, '/"', ""), (5, "/#", ""), (5, "/#", "")),
        ((5, "/\x00b", ""), (5, "/\x00a", ""), (5, "/\x00b", "")),
        ((5, "/\uffff", ""), (5, "/\U0001f600", ""), (5, "/\U0001f600", "")),
    ],
)
async def test_of_two_replicas_the_earlier_beginning_stays(
    client: RedisClient,
    first: tuple[int, str, str],
    second: tuple[int, str, str],
    kept: tuple[int, str, str],
) -> None:
    async def take(order: Sequence[tuple[int, str, str]], session_id: str) -> None:
        for beginning in order:
            await _store(client).note("chess", 0, {session_id: Session(*beginning)})

    await take([first, second], "s")
    await take([second, first], "t")
    expected = Session(*kept)
    assert await _known(_store(client), "s", "t") == {"s": expected, "t": expected}


async def test_many_sessions_are_noted_at_once_and_each_is_compared(client: RedisClient) -> None:
    store = _store(client)
    ids = [f"s{number}" for number in range(10_001)]
    assert await store.note("chess", 0, {key: Session(10, "/", "") for key in ids}) == {}
    later = {key: Session(5 if n % 3 else 15, f"/{n}", "") for n, key in enumerate(ids)}
    found = await _store(client).note("chess", 0, later)
    assert found == {key: Session(10, "/", "") for key in ids[::3]}
    assert await _known(store, *ids) == {
        key: Session(5, f"/{n}", "") if n % 3 else Session(10, "/", "") for n, key in enumerate(ids)
    }


async def test_a_clock_behind_does_not_hide_an_earlier_beginning(client: RedisClient) -> None:
    midnight = NOON + 12 * HOUR
    ahead, behind = _store(client, midnight), _store(client, midnight - 1)
    await ahead.note("chess", 0, {"s": Session(10, "/late", ""), "t": Session(10, "/t", "")})
    await behind.note("chess", 0, {"s": Session(5, "/early", ""), "t": Session(15, "/x", "")})
    late = Session(20, "", "")
    assert await ahead.note("chess", 0, {"s": late, "t": late}) == {
        "s": Session(5, "/early", ""),
        "t": Session(10, "/t", ""),
    }
    # So `s` is in this window, too, and lives on with it.
    [*_, newest] = sorted(await client.keys("enrich:{0}:sessions:chess:*"))
    stored = await client.hgetall(newest)
    assert orjson.loads(stored[b"s"]) == [5, "/early", ""]


async def test_what_is_stored_is_what_the_release_before_reads_and_expires(
    client: RedisClient,
) -> None:
    sighting: Sighting = ("s", NOON_US, "/\u00e9", "https://example.org/")
    await _store(client).note("chess", 0, fold_sessions([sighting]))
    [key] = await client.keys("enrich:{0}:sessions:chess:*")
    stored = await client.hgetall(key)
    assert {name: orjson.loads(value) for name, value in stored.items()} == {
        b"s": [NOON_US, "/\u00e9", "https://example.org/"]
    }
    assert 0 < await client.ttl(key) <= 2 * HOUR


async def test_a_session_is_found_and_forgotten_as_long_as_its_hash_is_there(
    client: RedisClient,
) -> None:
    """A hash lives for two windows from when it was last written, at the end of its own: into a third one."""
    await _store(client).note("chess", 0, {"s": Session(10, "/secret", "")})
    at_its_end = _store(client, NOON + HOUR - 1)
    await at_its_end.note("chess", 0, {"t": Session(20, "/", "")})
    in_the_third = _store(client, NOON + 3 * HOUR - 2)
    # A session that starts now is another one, though its id is the same.
    again = {"s": Session(30, "", "")}
    assert await in_the_third.note("chess", 0, again, remember=False) == {}
    held = {"s": Session(10, "/secret", ""), "t": Session(20, "/", "")}
    assert await in_the_third.known("chess", [0], ["s", "t"]) == held
    assert await in_the_third.forget("chess", 1, ["s"]) == 1
    [key] = await client.keys("enrich:{0}:sessions:chess:*")
    assert await client.hkeys(key) == [b"t"]


async def test_a_session_that_went_on_is_forgotten_as_one(client: RedisClient) -> None:
    await _store(client).note("chess", 0, {"s": Session(10, "", "")})
    later = _store(client, NOON + HOUR)
    await later.note("chess", 0, {"s": Session(20, "", "")})
    assert len(await client.keys("enrich:{0}:sessions:chess:*")) == 2
    assert await later.forget("chess", 1, ["s", "none"]) == 1
    assert await client.keys("enrich:{0}:sessions:chess:*") == []

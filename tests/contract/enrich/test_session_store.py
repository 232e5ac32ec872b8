"""What every `ports.SessionStore` promises: Redis, and the fake that tests of the steps use."""

from collections.abc import AsyncIterator

import pytest

from libs.common.clock import SystemClock
from libs.stores.redis_client import create_redis
from services.enrich.model import Session
from services.enrich.ports import SessionStore
from services.enrich.sessions.redis import RedisSessionStore
from tests.support.enrich_fakes import MemorySessionStore


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SessionStore]:
    if request.param == "memory":
        yield MemorySessionStore()
        return
    client = create_redis(request.getfixturevalue("redis_url"))
    # A window that does not end while the test runs.
    yield RedisSessionStore(client, SystemClock(), 10**9)
    await client.aclose()


async def test_a_session_is_known_once_it_is_saved(store: SessionStore) -> None:
    assert await store.load("chess", 0, ["s", "t"]) == ({}, set())
    session = Session(7, "/", "https://example.org/")
    await store.save("chess", 0, {"s": session})
    assert await store.load("chess", 0, ["s", "t"]) == ({"s": session}, {"s"})


async def test_apps_and_shards_have_sessions_of_their_own(store: SessionStore) -> None:
    await store.save("chess", 0, {"s": Session(7, "/", "")})
    assert await store.load("go", 0, ["s"]) == ({}, set())
    assert await store.load("chess", 1, ["s"]) == ({}, set())


async def test_the_earlier_beginning_stays_in_whatever_order_they_are_saved(
    store: SessionStore,
) -> None:
    early, late = Session(5, "/a", ""), Session(9, "/b", "")
    for shard, order in enumerate(([early, late], [late, early])):
        for session in order:
            await store.save("chess", shard, {"s": session})
        assert (await store.load("chess", shard, ["s"]))[0] == {"s": early}


async def test_of_two_beginnings_at_one_time_the_greater_page_stays(store: SessionStore) -> None:
    await store.save("chess", 0, {"s": Session(5, "/a", "z"), "t": Session(5, "/a", "")})
    await store.save("chess", 0, {"s": Session(5, "", "zz"), "t": Session(5, "/a", "y")})
    assert (await store.load("chess", 0, ["s", "t"]))[0] == {
        "s": Session(5, "/a", "z"),
        "t": Session(5, "/a", "y"),
    }

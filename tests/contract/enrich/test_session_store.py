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
    yield RedisSessionStore(client.commands, SystemClock(), 10**9)
    await client.aclose()


async def test_a_session_is_known_from_its_first_note_on(store: SessionStore) -> None:
    first, later = Session(7, "/", "https://example.org/"), Session(9, "/b", "")
    assert await store.note("chess", 0, {"s": first}) == {}
    assert await store.note("chess", 0, {"s": later, "t": later}) == {"s": first}
    # The same beginning again, of a chunk that is worked on twice.
    assert await store.note("chess", 0, {"s": first, "t": later}) == {"s": first, "t": later}


async def test_nothing_is_remembered_of_a_question(store: SessionStore) -> None:
    session = Session(7, "/", "")
    assert await store.note("chess", 0, {"s": session}, remember=False) == {}
    assert await store.note("chess", 0, {"s": session}) == {}
    earlier = Session(5, "/", "")
    assert await store.note("chess", 0, {"s": earlier}, remember=False) == {}
    assert await store.note("chess", 0, {"s": session}, remember=False) == {"s": session}


async def test_apps_and_shards_have_sessions_of_their_own(store: SessionStore) -> None:
    session = {"s": Session(7, "/", "")}
    await store.note("chess", 0, session)
    assert await store.note("go", 0, session) == {}
    assert await store.note("chess", 1, session) == {}


async def test_the_earlier_beginning_stays_in_whatever_order_they_come(
    store: SessionStore,
) -> None:
    early, late = Session(5, "/a", ""), Session(9, "/b", "")
    for shard, order in enumerate(([early, late], [late, early])):
        for session in order:
            await store.note("chess", shard, {"s": session})
        assert await store.note("chess", shard, {"s": late}) == {"s": early}


async def test_of_two_beginnings_at_one_time_the_greater_page_stays(store: SessionStore) -> None:
    await store.note("chess", 0, {"s": Session(5, "/a", "z"), "t": Session(5, "/a", "")})
    await store.note("chess", 0, {"s": Session(5, "", "zz"), "t": Session(5, "/a", "y")})
    late = Session(6, "", "")
    assert await store.note("chess", 0, {"s": late, "t": late}) == {
        "s": Session(5, "/a", "z"),
        "t": Session(5, "/a", "y"),
    }

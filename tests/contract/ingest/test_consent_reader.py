"""What every `ports.ConsentMirrorReader` promises: the reader of Redis, and the fake of ingest's tests."""

from collections.abc import AsyncIterator

import pytest

from libs.common.errors import Unavailable
from libs.consent import ConsentReader
from libs.stores.redis_connection import RedisConnection
from services.ingest.intake.ports import ConsentMirrorReader
from services.privacy.consent.redis import RedisConsentMirror
from tests.support.ingest_fakes import MemoryConsentStates
from tests.support.pseudonyms import PSEUDONYMS

STATES = {"ann": b"1 +a", "bob": b"2 -a"}


@pytest.fixture(params=["memory", "redis"])
async def states(request: pytest.FixtureRequest) -> AsyncIterator[ConsentMirrorReader]:
    """The states of chess; go has none."""
    if request.param == "memory":
        yield MemoryConsentStates(STATES)
        return
    url = request.getfixturevalue("redis_url")
    connection, reader = RedisConnection(url), ConsentReader(url, 1)
    await connection.start()
    await reader.start()
    mirror = RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs)
    for app_id in ("chess", "go"):
        await mirror.begin_fill(app_id)
        await mirror.put(app_id, STATES if app_id == "chess" else {})
        await mirror.end_fill(app_id)
    yield reader
    await reader.aclose()
    await connection.aclose()


async def test_states_are_read_in_the_order_asked(states: ConsentMirrorReader) -> None:
    asked = ["bob", "eve", "ann", "bob"]
    assert await states.read("chess", asked) == [b"2 -a", None, b"1 +a", b"2 -a"]
    assert await states.read("chess", []) == []


async def test_another_apps_people_have_states_of_their_own(states: ConsentMirrorReader) -> None:
    assert await states.read("go", ["ann"]) == [None]


async def test_an_empty_id_and_a_reserved_one_name_no_person(states: ConsentMirrorReader) -> None:
    assert await states.read("chess", ["", "\x00ready", "ann"]) == [None, None, b"1 +a"]


async def test_states_that_may_be_old_are_not_given(redis_url: str) -> None:
    """No fill has ended, so the mirror does not hold everything."""
    reader = ConsentReader(redis_url, 1)
    await reader.start()
    with pytest.raises(Unavailable) as failure:
        await reader.read("chess", ["ann"])
    assert failure.value.reason == "CONSENT_UNAVAILABLE"
    await reader.aclose()

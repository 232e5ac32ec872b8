"""What every `ports.ConsentMirror` and its `ports.ConsentMirrorReader` promise: Redis, and the fake."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from libs.common.errors import Unavailable
from libs.consent import ConsentReader, ConsentUnavailable
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.ports import ConsentMirror, ConsentMirrorReader
from services.privacy.consent.redis import RedisConsentMirror
from tests.support.privacy_fakes import MemoryConsentMirror
from tests.support.pseudonyms import PSEUDONYMS

# Nothing listens on port 1.
NO_REDIS = "redis://127.0.0.1:1"


@dataclass
class Mirrored:
    """A mirror, its reader, and how it loses all."""

    mirror: ConsentMirror
    reader: ConsentMirrorReader
    redis: Redis | None = None

    async def lose(self) -> None:
        if self.redis is not None:
            await self.redis.flushall()
        else:
            assert isinstance(self.mirror, MemoryConsentMirror)
            self.mirror.lose()

    async def fill(self, app_id: str = "chess", **texts: bytes) -> None:
        await self.mirror.begin_fill(app_id)
        assert await self.mirror.put(app_id, texts) == 0
        assert await self.mirror.end_fill(app_id)


async def _connected(url: str, shards: int, stack: AsyncExitStack) -> Mirrored:
    connection, reader = RedisConnection(url), ConsentReader(url, shards)
    for each in (connection, reader):
        await each.start()
        stack.push_async_callback(each.aclose)
    return Mirrored(RedisConsentMirror(connection, shards, PSEUDONYMS.all_epochs), reader)


@pytest.fixture(params=["memory", "redis", "redis in 3 shards"])
async def mirrored(request: pytest.FixtureRequest) -> AsyncIterator[Mirrored]:
    if request.param == "memory":
        fake = MemoryConsentMirror([])
        yield Mirrored(fake, fake)
        return
    url = request.getfixturevalue("redis_url")
    async with AsyncExitStack() as stack:
        found = await _connected(url, 1 if request.param == "redis" else 3, stack)
        found.redis = await stack.enter_async_context(Redis.from_url(url))
        yield found


@pytest.fixture(params=["memory", "redis"])
async def unreachable(request: pytest.FixtureRequest) -> AsyncIterator[Mirrored]:
    if request.param == "memory":
        fake = MemoryConsentMirror([], "chess")
        fake.down = True
        yield Mirrored(fake, fake)
        return
    async with AsyncExitStack() as stack:
        yield await _connected(NO_REDIS, 1, stack)


async def test_states_are_read_in_the_order_asked(mirrored: Mirrored) -> None:
    await mirrored.fill(ann=b"1 +a", bob=b"2 -a", eve=b"3")
    asked = ["eve", "unknown", "ann", "bob", "ann"]
    assert await mirrored.reader.read("chess", asked) == [b"3", None, b"1 +a", b"2 -a", b"1 +a"]
    assert await mirrored.reader.read("chess", []) == []
    assert await mirrored.reader.read_one("chess", "bob") == b"2 -a"
    assert await mirrored.reader.read_one("chess", "unknown") is None


async def test_a_newer_state_stays(mirrored: Mirrored) -> None:
    """The version decides as a number: 10 is newer than 9."""
    await mirrored.fill(ann=b"9 +a", bob=b"10 +a", eve=b"4")
    mirror = mirrored.mirror
    assert await mirror.put("chess", {"ann": b"10 -a"}) == 0
    assert await mirror.put("chess", {"ann": b"10 -a", "new": b"1 +a"}) == 0  # repeated
    assert await mirror.put("chess", {"ann": b"9 +a", "bob": b"11 -a", "eve": b"3 +a"}) == 10
    assert await mirror.put("chess", {"bob": b"11 +a"}) == 11  # another state of the same version
    assert await mirror.put("chess", {}) == 0
    asked = ["ann", "bob", "eve", "new"]
    assert await mirrored.reader.read("chess", asked) == [b"10 -a", b"11 -a", b"4", b"1 +a"]


async def test_what_is_removed_is_gone(mirrored: Mirrored) -> None:
    await mirrored.fill(ann=b"3 +telemetry", bob=b"2 +telemetry")
    assert await mirrored.mirror.has("chess", "ann")
    for _ in range(2):
        await mirrored.mirror.remove("chess", "ann")
    assert [await mirrored.mirror.has("chess", each) for each in ("ann", "bob")] == [False, True]
    assert await mirrored.reader.read("chess", ["ann", "bob"]) == [None, b"2 +telemetry"]


async def test_the_form_of_an_older_release_is_replaced_at_the_same_version(
    mirrored: Mirrored,
) -> None:
    """It does not say when a grant was recorded; the state itself is the same."""
    await mirrored.fill(ann=b"9 +a", bob=b"9;:5 +a", eve=b"9 +a")
    texts = {"ann": b"9;:5 +a", "bob": b"9;:6 -a", "eve": b"8;:5 +a"}
    assert await mirrored.mirror.put("chess", texts) == 9
    assert await mirrored.reader.read("chess", [*texts]) == [b"9;:5 +a", b"9;:5 +a", b"9 +a"]


async def test_nothing_is_read_before_the_fill_has_ended(mirrored: Mirrored) -> None:
    mirror, reader = mirrored.mirror, mirrored.reader
    await mirror.put("chess", {"ann": b"1 +a"})
    for step in ("at first", "while it is filled"):
        assert not await mirror.ready("chess"), step
        with pytest.raises(ConsentUnavailable):
            await reader.read("chess", ["ann"])
        with pytest.raises(ConsentUnavailable):
            await reader.read_one("chess", "ann")
        await mirror.begin_fill("chess")
    assert await mirror.end_fill("chess")
    assert await mirror.ready("chess")
    assert await reader.read("chess", ["ann"]) == [b"1 +a"]


async def test_each_app_is_filled_by_itself(mirrored: Mirrored) -> None:
    await mirrored.fill("chess", ann=b"1 +a")
    assert not await mirrored.mirror.ready("go")
    with pytest.raises(ConsentUnavailable):
        await mirrored.reader.read("go", ["ann"])
    await mirrored.fill("go")
    assert await mirrored.reader.read("go", ["ann"]) == [None]
    assert await mirrored.reader.read("chess", ["ann"]) == [b"1 +a"]


async def test_a_fill_does_not_end_without_its_fence(mirrored: Mirrored) -> None:
    mirror = mirrored.mirror
    assert not await mirror.end_fill("chess")
    await mirror.begin_fill("go")
    assert not await mirror.end_fill("chess")
    await mirrored.fill("chess")
    assert not await mirror.end_fill("chess")  # its fence went with the fill before
    assert await mirror.ready("chess")


async def test_a_mirror_that_is_emptied_is_not_trusted(mirrored: Mirrored) -> None:
    await mirrored.fill(ann=b"1 +a")
    await mirrored.mirror.begin_fill("chess")
    await mirrored.lose()
    assert not await mirrored.mirror.ready("chess")
    with pytest.raises(ConsentUnavailable):
        await mirrored.reader.read("chess", ["ann"])
    await mirrored.mirror.put("chess", {"bob": b"2 +a"})
    assert not await mirrored.mirror.end_fill("chess")
    assert not await mirrored.mirror.ready("chess")
    await mirrored.fill()
    assert await mirrored.reader.read("chess", ["ann", "bob"]) == [None, b"2 +a"]


async def test_a_mirror_that_cannot_be_reached_is_unavailable(unreachable: Mirrored) -> None:
    mirror = unreachable.mirror
    for call in (
        mirror.put("chess", {"ann": b"1 +a"}),
        mirror.ready("chess"),
        mirror.begin_fill("chess"),
        mirror.end_fill("chess"),
    ):
        with pytest.raises(Unavailable):
            await call
    with pytest.raises(ConsentUnavailable):
        await unreachable.reader.read("chess", ["ann"])
    with pytest.raises(ConsentUnavailable):
        await unreachable.reader.read_one("chess", "ann")

"""What is kept of people who were erased, under their pseudonyms."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from libs.common.sharding import shard_of
from libs.consent import ConsentReader, consent_key
from libs.consent.keys import ERASED_FIELD, erased_id
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.redis import RedisConsentMirror
from tests.support.pseudonyms import PSEUDONYMS


@pytest.fixture
async def mirror_and_reader(
    redis_url: str,
) -> AsyncIterator[tuple[RedisConsentMirror, ConsentReader]]:
    async with AsyncExitStack() as stack:
        connection = RedisConnection(redis_url)
        reader = ConsentReader(
            redis_url, 1, pseudonyms=lambda _, subject_id: [f"person of {subject_id}"]
        )
        for each in (connection, reader):
            await each.start()
            stack.push_async_callback(each.aclose)
        yield RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs), reader


async def test_the_no_counts_unless_the_person_has_a_record(
    mirror_and_reader: tuple[RedisConsentMirror, ConsentReader],
) -> None:
    mirror, reader = mirror_and_reader
    await mirror.begin_fill("chess")
    kept = {erased_id(f"person of {name}"): b"7 ~telemetry" for name in ("ann", "bob", "eve")}
    # A repair writes a version without words for a person of whom nothing is recorded.
    await mirror.put("chess", {**kept, "bob": b"8", "eve": b"9 +telemetry"})
    assert await mirror.end_fill("chess")
    states = await reader.read("chess", ["ann", "bob", "eve", "unknown"])
    assert states == [b"7 ~telemetry", b"7 ~telemetry", b"9 +telemetry", None]


async def test_unknown_people_cost_one_command_and_one_pseudonym(redis_url: str) -> None:
    made: list[str] = []

    def pseudonyms(_: str, subject_id: str) -> list[str]:
        made.append(subject_id)
        return [f"1 {subject_id}", f"2 {subject_id}"]

    async with AsyncExitStack() as stack:
        connection, reader = (
            RedisConnection(redis_url),
            ConsentReader(redis_url, 3, pseudonyms=pseudonyms),
        )
        for each in (connection, reader):
            await each.start()
            stack.push_async_callback(each.aclose)
        redis = await stack.enter_async_context(Redis.from_url(redis_url))
        mirror = RedisConsentMirror(connection, 3, PSEUDONYMS.all_epochs)
        people = {f"known {number}": b"5 +telemetry" for number in range(20)}
        await mirror.begin_fill("chess")
        await mirror.put("chess", people)
        assert await mirror.end_fill("chess")
        unknown = [f"unknown {number}" for number in range(20)]
        assert await reader.read("chess", unknown) == [None] * 20
        # Without an erased person in the app, no one asks.
        assert made == []

        await mirror.put("chess", {erased_id("2 unknown 7"): b"7 ~#"})
        expected = [b"7 ~#" if number == 7 else None for number in range(20)]
        expected += list(people.values())
        # The first read finds out that there is one; all others ask at once.
        for _ in range(3):
            commands = await _commands(redis)
            assert await reader.read("chess", [*unknown, *people]) == expected
        assert await _commands(redis) - commands == 3
        # Each once, and those with a record no more than that.
        assert Counter(made) == Counter([*unknown, *people])

        # One of whom something was recorded when they were last asked about.
        await mirror.put("chess", {erased_id("1 known 3"): b"8 ~#"})
        await mirror.remove("chess", "known 3")
        assert await reader.read("chess", ["known 3", "known 4"]) == [b"8 ~#", b"5 +telemetry"]
        assert await reader.read_one("chess", "known 3") == b"8 ~#"

        # As a release before this one leaves it: each erased person in one shard, and another mark.
        for shard in range(3):
            await redis.hset(consent_key("chess", shard), ERASED_FIELD, "1")
            if shard != shard_of("chess", erased_id("2 unknown 7"), 3):
                await redis.hdel(consent_key("chess", shard), erased_id("2 unknown 7"))
        for _ in range(2):
            assert await reader.read("chess", [*unknown]) == expected[:20]


async def _commands(redis: Redis) -> int:
    """How many HMGETs this Redis has answered."""
    stats = await redis.info("commandstats")
    return int(stats["cmdstat_hmget"]["calls"])

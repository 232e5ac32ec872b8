"""Redis emptied, stopped, restarted or gone: nothing is allowed that was denied."""

import asyncio
import os
import signal
import time

import grpc
import pytest
from redis import Redis

from libs.consent import READY_FIELD, ConsentReader, ConsentUnavailable, consent_key
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.redis import RedisConsentMirror
from suite.embedded import PostgresServer, RedisServer
from tests.integration.privacy.conftest import APP, Privacy
from tests.support.privacy_fakes import without_details
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of
from tests.support.waiting import until


async def test_an_emptied_redis_allows_nobody_and_is_filled_again(
    privacy: Privacy, redis_url: str
) -> None:
    for number in range(30):
        await privacy.record(f"p{number}", telemetry=False)
    reader = ConsentReader(redis_url, 1)
    await reader.start()
    with Redis.from_url(redis_url) as redis:
        for _ in range(5):
            redis.flushall()
            # Ingest's read either fails or gives the denial, at every moment of the fill.
            while not privacy.is_whole():
                try:
                    texts = await reader.read(APP, ["p0", "p29"])
                except ConsentUnavailable:
                    texts = []
                assert all(text and text.endswith(b" -telemetry") for text in texts)
                assert await privacy.check("p29") == "anonymize"
            assert privacy.mirrored("p17") == "-telemetry"
    await reader.aclose()


async def test_a_fill_leaves_what_is_newer_and_versions_count_on_from_it(
    privacy: Privacy, redis_url: str
) -> None:
    token = await privacy.record("ann", telemetry=True)
    with Redis.from_url(redis_url) as redis:
        redis.hset(consent_key(APP, 0), "ann", "1000000 -telemetry")
        redis.hdel(consent_key(APP, 0), READY_FIELD)
    await privacy.until_whole()
    assert privacy.mirrored("ann") == "-telemetry"
    # Only a mirror beside a Postgres that was restored from a backup can look like this.
    assert await privacy.record("ann", telemetry=False) > token
    with Redis.from_url(redis_url) as redis:
        text = redis.hget(consent_key(APP, 0), "ann")
    assert isinstance(text, bytes)
    assert without_details(text) == "1000001 ~telemetry"


async def test_a_mark_needs_the_sign_of_its_own_fill(redis_url: str) -> None:
    connection = RedisConnection(redis_url)
    await connection.start()
    one, other = (RedisConsentMirror(connection, 2, PSEUDONYMS.all_epochs) for _ in range(2))
    assert not await one.end_fill(APP)
    await one.begin_fill(APP)
    await other.begin_fill(APP)
    assert await one.put(APP, {"ann": b"5 +telemetry", "bob": b"6"}) == 0
    assert await one.put(APP, {"ann": b"5 +telemetry"}) == 0  # repeated
    assert await one.put(APP, {"ann": b"4 -telemetry", "bob": b"7"}) == 5
    assert await other.end_fill(APP)
    assert await one.ready(APP)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    assert not await one.end_fill(APP)
    assert not await one.ready(APP)
    await connection.aclose()


async def test_people_are_found_in_their_shards(redis_url: str) -> None:
    connection = RedisConnection(redis_url)
    await connection.start()
    mirror, reader = (
        RedisConsentMirror(connection, 3, PSEUDONYMS.all_epochs),
        ConsentReader(redis_url, 3),
    )
    await reader.start()
    people = [f"p{number}" for number in range(50)]
    await mirror.begin_fill(APP)
    await mirror.put(APP, {person: f"{n} +a".encode() for n, person in enumerate(people, 1)})
    with pytest.raises(ConsentUnavailable):
        await reader.read(APP, people)
    await mirror.end_fill(APP)
    expected = [f"{n} +a".encode() for n in range(1, 51)]
    assert await reader.read(APP, people) == expected
    assert await asyncio.gather(*(reader.read_one(APP, p) for p in people)) == expected
    # Neither our own fields nor an empty id name a person.
    assert await reader.read(APP, ["p3", "", "\x00ready", "unknown"]) == [b"4 +a", None, None, None]
    assert await reader.read_one(APP, "\x00ready") is None
    with Redis.from_url(redis_url) as redis:
        assert {redis.object("encoding", consent_key(APP, s)) for s in range(3)} == {b"hashtable"}
    await reader.aclose()
    await connection.aclose()


async def test_without_redis_checks_are_answered_from_postgres_and_ingest_waits(
    privacy: Privacy, redis: RedisServer
) -> None:
    await privacy.record("ann", telemetry=False)
    token = await privacy.record("bob", telemetry=True)
    reader = ConsentReader(redis.url, 1)
    await reader.start()
    assert await reader.read(APP, ["ann"]) != [None]
    redis.kill()
    assert await privacy.check("ann") == "anonymize"
    assert await privacy.check("bob", token) == "allow"
    with pytest.raises(ConsentUnavailable):
        await reader.read(APP, ["ann"])
    with pytest.raises(ConsentUnavailable):
        await reader.read_one(APP, "ann")
    with pytest.raises(grpc.RpcError) as caught:
        await privacy.record("bob", telemetry=False)
    assert reason_of(caught.value)[:2] == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert await privacy.check("bob") == "allow"  # nothing was recorded
    token = await privacy.record("ann", telemetry=True)  # a grant can wait for its mirror
    redis.start()
    assert await privacy.check("ann", token) == "allow"
    await privacy.until_whole()
    assert privacy.mirrored("ann") == "+telemetry"
    await reader.aclose()


async def test_a_restarted_redis_is_not_trusted_before_it_is_marked_again(
    redis_url: str, redis: RedisServer
) -> None:
    connection, reader = RedisConnection(redis_url), ConsentReader(redis_url, 1)
    await connection.start()
    await reader.start()
    mirror = RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs)
    await mirror.begin_fill(APP)
    await mirror.put(APP, {"ann": b"3 -telemetry"})
    await mirror.end_fill(APP)
    assert await reader.read(APP, ["ann"]) == [b"3 -telemetry"]
    before = connection.run_id
    redis.kill()
    redis.start()
    await until(lambda: connection.run_id not in (None, before))
    with Redis.from_url(redis_url) as client:
        # The data is there, the mark too, but it is the mark of a run that has ended.
        assert client.hget(consent_key(APP, 0), "ann") == b"3 -telemetry"
        assert client.hexists(consent_key(APP, 0), READY_FIELD)
    assert not await mirror.ready(APP)
    with pytest.raises(ConsentUnavailable):
        await reader.read(APP, ["ann"])
    await mirror.begin_fill(APP)
    await mirror.end_fill(APP)
    await until_read(reader, b"3 -telemetry")
    await reader.aclose()
    await connection.aclose()


async def test_a_redis_that_hangs_delays_nobody_for_long(
    privacy: Privacy, redis: RedisServer
) -> None:
    await privacy.record("ann", telemetry=False)
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        answers = await asyncio.gather(*(privacy.check("ann") for _ in range(8)))
        assert answers == ["anonymize"] * 8
        with pytest.raises(grpc.RpcError):
            await privacy.record("bob", telemetry=False)
        assert time.monotonic() - started < 5  # the timeout is 0.5 s
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    await privacy.until_whole()
    # The denial whose commit failed was in Redis all the same; it is replaced.
    await until(lambda: privacy.mirrored("bob") == "")
    assert await privacy.check("bob") == "allow"


async def test_without_both_nobody_is_answered(
    privacy: Privacy, redis: RedisServer, postgres: PostgresServer
) -> None:
    await privacy.record("ann", telemetry=True)
    redis.kill()
    postgres.kill()
    try:
        with pytest.raises(grpc.RpcError) as caught:
            await privacy.check("ann")
        assert reason_of(caught.value)[:2] == ("UNAVAILABLE", "CONSENT_UNAVAILABLE")
        with pytest.raises(grpc.RpcError) as caught:
            await privacy.record("ann", telemetry=True)
        assert reason_of(caught.value)[:2] == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    finally:
        postgres.start()
        redis.start()
    await privacy.until_whole()
    assert await privacy.check("ann") == "allow"


async def test_a_damaged_text_is_answered_from_postgres_and_mended(privacy: Privacy) -> None:
    await privacy.record("ann", telemetry=False)
    privacy.mirror("ann", "rubbish")
    assert await privacy.check("ann") == "anonymize"
    with Redis.from_url(privacy.redis_url) as redis:
        redis.hdel(consent_key(APP, 0), READY_FIELD)
    await privacy.until_whole()
    assert privacy.mirrored("ann") == "-telemetry"


async def until_read(reader: ConsentReader, expected: bytes) -> None:
    """Waits for the reader to have a connection again, and a mirror it trusts."""
    deadline = time.monotonic() + 5
    while True:
        try:
            assert await reader.read(APP, ["ann"]) == [expected]
            return
        except ConsentUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

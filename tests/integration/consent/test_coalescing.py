"""Single reads share commands when many come at once."""

import asyncio

from libs.consent import ConsentReader
from libs.stores.redis_connection import RedisConnection
from services.privacy.consent.redis import RedisConsentMirror
from tests.integration.privacy.conftest import APP
from tests.support.pseudonyms import PSEUDONYMS


async def hmget_calls(connection: RedisConnection) -> int:
    """How many HMGET commands the server has carried out."""
    for line in (await connection.execute("INFO", "commandstats")).splitlines():
        if line.startswith(b"cmdstat_hmget:calls="):
            return int(line.split(b"=")[1].split(b",")[0])
    return 0


async def test_many_reads_are_few_commands_and_each_gets_its_own_answer(redis_url: str) -> None:
    connection, reader = RedisConnection(redis_url), ConsentReader(redis_url, 1)
    await connection.start()
    await reader.start()
    mirror = RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs)
    await mirror.begin_fill(APP)
    await mirror.put(APP, {f"p{n}": f"{n} +a".encode() for n in range(1, 41)})
    await mirror.end_fill(APP)

    async def caller(number: int) -> None:
        for _ in range(100):
            assert await reader.read_one(APP, f"p{number}") == f"{number} +a".encode()

    before = await hmget_calls(connection)
    await asyncio.gather(*map(caller, range(1, 41)))
    assert await hmget_calls(connection) - before < 4_000 / 4
    # One after another: there is no other read to share with, and all are answered.
    before = await hmget_calls(connection)
    await caller(7)
    assert await hmget_calls(connection) - before == 100
    await reader.aclose()
    await connection.aclose()


async def test_a_caller_who_goes_away_does_not_disturb_the_others(redis_url: str) -> None:
    connection, reader = RedisConnection(redis_url), ConsentReader(redis_url, 1)
    await connection.start()
    await reader.start()
    mirror = RedisConsentMirror(connection, 1, PSEUDONYMS.all_epochs)
    await mirror.begin_fill(APP)
    await mirror.end_fill(APP)
    leaving, staying = reader.read_one(APP, "ann"), reader.read_one(APP, "bob")
    leaving.cancel()
    assert await staying is None
    await reader.aclose()
    await connection.aclose()

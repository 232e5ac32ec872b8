"""Commands beside redis-py's client."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from libs.stores.redis_client import RedisClient, create_redis
from tests.support.waiting import until


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    async with create_redis(redis_url) as client:
        yield client


async def test_replies_come_in_order_as_protocol_2_has_them(client: RedisClient) -> None:
    commands = client.commands
    assert await commands.run(
        ("XADD", "s", "1-1", "n", 7, "data", b"\x00\xff"),
        ("XRANGE", "s", "-", "+"),
        ("GET", "missing"),
    ) == [b"1-1", [[b"1-1", [b"n", b"7", b"data", b"\x00\xff"]]], None]
    assert await commands.run() == []


async def test_an_error_reply_is_raised_and_the_others_are_carried_out(client: RedisClient) -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await client.commands.run(
            ("SET", "text", "x"), ("LPUSH", "text", "y"), ("SET", "behind", "z")
        )
    assert await client.mget("text", "behind") == [b"x", b"z"]
    with pytest.raises(ResponseError, match="wanted"):
        await client.commands.script("return redis.error_reply('wanted')").run([], [])


async def test_a_command_that_waits_holds_up_no_other(client: RedisClient) -> None:
    commands = client.commands
    waiting = asyncio.create_task(commands.run_blocking(("BLPOP", "list", 9)))
    await until(lambda: _blocked(client))
    assert await commands.run(("LPUSH", "list", "x")) == [1]
    assert await waiting == [b"list", b"x"]


async def test_connections_are_opened_again_and_closed_with_the_client(redis_url: str) -> None:
    async def connected(watching: RedisClient) -> int:
        return len(await watching.client_list()) - before

    async def works(client: RedisClient) -> bool:
        try:
            return bool(await client.commands.run(("PING",)) == [b"PONG"])
        except ConnectionError:
            return False

    async with create_redis(redis_url) as watching:
        before = len(await watching.client_list())
        client = create_redis(redis_url)
        assert await works(client)
        await watching.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: works(client))
        await client.aclose()

        async def none_left() -> bool:
            return await connected(watching) <= 0

        await until(none_left)


async def _blocked(client: RedisClient) -> bool:
    return int((await client.info("clients"))["blocked_clients"]) == 1

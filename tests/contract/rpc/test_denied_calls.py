"""Calls that are not permitted are put on record, in the stream that privacy reads."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from redis import Redis

from libs.audit.denials import WINDOW_SECONDS
from libs.common.errors import Unavailable
from libs.rpc.denied_calls import DeniedCalls
from libs.rpc.permissions import RULES
from libs.rpc.server import GrpcServer
from libs.runtime.settings import CommonSettings
from libs.stores.redis_client import RedisClient, create_redis
from libs.streams.names import AUDIT_STREAM
from tests.contract.rpc.every_rpc import APPS, Callers, methods, request, services
from tests.contract.rpc.test_permissions import READABLE
from tests.support.clocks import FixedClock
from tests.support.expiring_events import catalogs

SUITE, READ = "the-suite-token", "the-read-token"
METHODS = methods()
EXPORT = "/weir.aggregate.v1.AggregateService/ExportEvents"
QUERY = "/weir.aggregate.v1.AggregateService/QueryRollup"


class Served:
    """All RPCs on one server, for a caller who may read numbers of one app."""

    def __init__(self, client: RedisClient, redis: Any) -> None:
        self.clock = FixedClock.of_us()
        self.redis = redis
        self.denials = DeniedCalls(client, catalogs(*APPS), self.clock)
        settings = CommonSettings.model_validate(
            {
                "port": 0,
                "auth_token": SUITE,
                "read_token": READ,
                "read_apps": "chess",
                "first_message_seconds": 0.3,
            }
        )
        bindings = [Callers().binding(service) for service in services()]
        self.server = GrpcServer(settings, bindings, denials=self.denials)
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port}")

    async def call(self, method: str, app_id: str, token: str = READ) -> str:
        """The status of a call."""
        metadata = (("authorization", f"Bearer {token}"), ("x-request-id", "req-1"))
        content = request(METHODS[method], app_id).SerializeToString()
        call = self.channel.unary_stream(method)(content, metadata=metadata)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await call.read()
        return str((await call.code()).name)

    async def entries(self) -> list[dict[str, Any]]:
        """Those that were written by now."""
        await self.denials.step()
        return [json.loads(fields[b"entry"]) for _, fields in self.redis.xrange(AUDIT_STREAM)]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    connection = create_redis(redis_url)
    yield connection
    await connection.aclose()


@pytest.fixture
async def served(redis_url: str, client: RedisClient) -> AsyncIterator[Served]:
    with Redis.from_url(redis_url) as redis:
        running = Served(client, redis)
        await running.server.start()
        yield running
        await running.channel.close()
        await running.server.stop(0)


async def test_every_rpc_that_is_not_permitted_leaves_an_entry(served: Served) -> None:
    denied = set(METHODS) - READABLE
    for method in METHODS:
        expected = "PERMISSION_DENIED" if method in denied else "OK"
        assert (method, await served.call(method, "chess")) == (method, expected)
    found = await served.entries()
    assert {f"/{each['details']['rpc']}" for each in found} == denied
    assert len(found) == len(denied)
    one = next(each for each in found if f"/{each['details']['rpc']}" == EXPORT)
    assert (one["app_id"], one["actor"], one["outcome"]) == ("chess", "read token", "denied")
    assert (one["action"], one["request_id"], one["subject"]) == ("call.denied", "req-1", "")
    assert one["details"]["permission"] == RULES[EXPORT].permission
    assert one["details"]["times"] == 1


async def test_many_calls_leave_few_entries(served: Served) -> None:
    for _ in range(20):
        await served.call(EXPORT, "chess")
        await served.entries()
    assert [each["details"]["times"] for each in await served.entries()] == [1]
    served.clock.now += timedelta(seconds=WINDOW_SECONDS)
    assert [each["details"]["times"] for each in await served.entries()] == [1, 19]


async def test_an_app_that_the_caller_may_not_see_has_it_on_record_and_none_that_is_made_up(
    served: Served,
) -> None:
    assert await served.call(QUERY, "shogi") == "NOT_FOUND"
    assert await served.call(EXPORT, "shogi") == "PERMISSION_DENIED"
    for made_up in ("", "ann@example.com"):
        assert await served.call(QUERY, made_up) == "NOT_FOUND"
        assert await served.call(EXPORT, made_up) == "PERMISSION_DENIED"
    # Without a credential there is no one to name.
    assert await served.call(EXPORT, "chess", "wrong") == "UNAUTHENTICATED"
    hidden, denied = await served.entries()
    assert {hidden["app_id"], denied["app_id"]} == {"shogi"}
    assert hidden["details"] == {"rpc": QUERY[1:], "times": 1}
    assert denied["details"] == {"rpc": EXPORT[1:], "times": 1, "permission": "events.export"}


async def test_a_caller_that_never_says_which_app_is_denied_all_the_same(served: Served) -> None:
    metadata = (("authorization", f"Bearer {READ}"),)
    call = served.channel.stream_stream(EXPORT)(metadata=metadata)
    assert await call.code() is grpc.StatusCode.PERMISSION_DENIED
    unreadable = served.channel.unary_stream(EXPORT)(b"\xff", metadata=metadata)
    assert await unreadable.code() is grpc.StatusCode.PERMISSION_DENIED
    assert await served.entries() == []


async def test_while_redis_is_away_denied_calls_are_counted_and_a_process_that_ends_writes_them(
    served: Served,
) -> None:
    # Port 1 is no Redis.
    away = create_redis("redis://127.0.0.1:1")
    there, served.denials._redis = served.denials._redis, away
    assert await served.call(EXPORT, "chess") == "PERMISSION_DENIED"
    with pytest.raises(Unavailable):
        await served.denials.step()
    await served.call(EXPORT, "chess")
    served.denials._redis = there
    assert [each["details"]["times"] for each in await served.entries()] == [2]
    await served.call(EXPORT, "chess")
    stop = asyncio.Event()
    stop.set()
    await served.denials.run(stop)
    assert [each["details"]["times"] for each in await served.entries()] == [2, 1]
    await away.aclose()

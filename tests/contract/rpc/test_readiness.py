"""A service is SERVING once it has started up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.rpc.readiness import Startup
from libs.stores.watch import Store
from tests.contract.rpc.rpc_shapes import SERVICE, Served

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@asynccontextmanager
async def _states(served: Served, name: str) -> AsyncIterator[AsyncIterator[int]]:
    """The states of a health name, as they change."""
    stub = health_pb2_grpc.HealthStub(served.channel())
    call = stub.Watch(health_pb2.HealthCheckRequest(service=name))
    yield (answer.status async for answer in call)
    call.cancel()


async def test_a_service_serves_once_its_startup_is_finished() -> None:
    startup = Startup()
    async with (
        Served(startup=startup) as served,
        _states(served, SERVICE) as states,
        _states(served, "") as process,
    ):
        assert await anext(process) == SERVING
        assert await anext(states) == NOT_SERVING
        startup.finish()
        assert await anext(states) == SERVING
        startup.finish()
    # One that is finished before its server starts is never NOT_SERVING.
    async with Served(startup=startup) as served, _states(served, SERVICE) as states:
        assert await anext(states) == SERVING


async def test_a_startup_that_cannot_be_finished_without_a_store_waits_for_that_store() -> None:
    answers = False

    async def ask() -> None:
        if not answers:
            raise ConnectionError

    startup = Startup(ignored_while_away="redis")
    stores = [Store("redis", ask)]
    async with (
        Served(stores, startup, store_check_seconds=0.01) as served,
        _states(served, SERVICE) as states,
    ):
        assert await anext(states) == SERVING
        answers = True
        assert await anext(states) == NOT_SERVING
        startup.finish()
        assert await anext(states) == SERVING


async def test_a_server_that_stops_before_its_service_has_started_up_reports_nothing_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    startup = Startup()
    async with Served(startup=startup) as served:
        health = served.server._health
    reports: list[str] = []

    async def record(name: str, _: int) -> None:
        reports.append(name)

    monkeypatch.setattr(health, "set", record)
    startup.finish()
    # A task that still followed the startup would report now.
    await asyncio.gather(*served.server._starting, return_exceptions=True)
    assert reports == []

"""A service that needs Postgres is SERVING once the database is migrated, and not before."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from libs.rpc.process import ServiceParts
from libs.rpc.server import GrpcServer
from libs.runtime.settings import CommonSettings
from libs.stores.open_stores import open_stores
from suite.migrate import upgrade
from tests.support.databases import Databases
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.waiting import until
from tests.support.wrapping_keys import WRAPPING_KEYS


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    url = databases.create_empty()
    yield url
    databases.drop(url)


@pytest.mark.parametrize(
    ("service", "serves_without"),
    # Ingest needs Redis alone to take events.
    [
        ("ingest", {"weir.ingest.v1.IngestService"}),
        ("enrich", set()),
        ("aggregate", set()),
        ("privacy", set()),
    ],
)
async def test_a_service_waits_for_its_tables(
    empty_database_url: str,
    databases: Databases,
    redis_url: str,
    service: str,
    serves_without: set[str],
) -> None:
    settings: CommonSettings = getattr(
        import_module(f"services.{service}.settings"), f"{service.title()}Settings"
    )(
        environment="development",
        port=0,
        database_url=databases.as_role(empty_database_url, f"weir_{service}"),
        redis_url=redis_url,
        store_check_seconds=1,
        pseudonym_key=PSEUDONYM_KEY,
        **(
            {"audit_key": PSEUDONYM_KEY, "sealing_keys": WRAPPING_KEYS}
            if service == "privacy"
            else {}
        ),
    )
    async with AsyncExitStack() as stack:
        parts: ServiceParts = await import_module(f"services.{service}.server").build(
            settings, stack
        )
        server = GrpcServer(settings, parts.bindings, open_stores(settings, parts.tables, stack))
        await server.start()
        stop = asyncio.Event()
        loops = [asyncio.create_task(loop.run(stop)) for loop in parts.loops]
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
        stub = health_pb2_grpc.HealthStub(await stack.enter_async_context(channel))

        async def is_serving(name: str) -> bool:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        names = [binding.name for binding in parts.bindings]
        assert await is_serving("redis")
        assert not await is_serving("postgres")
        assert {name for name in names if await is_serving(name)} == serves_without
        await asyncio.to_thread(upgrade, empty_database_url)
        for name in names:
            await until(partial(is_serving, name))
        await until(lambda: is_serving("postgres"))
        stop.set()
        parts.drain()
        await server.stop(0)
        # None of them died of the missing tables.
        await asyncio.gather(*loops)

"""The aggregate service in this process, on real stores."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from pydantic import SecretStr
from redis import Redis
from weir.aggregate.v1 import aggregate_service_pb2_grpc

from libs.rpc.server import GrpcServer
from libs.streams import watermark
from services.aggregate.live import watch_hub
from services.aggregate.recount import worker
from services.aggregate.server import build
from services.aggregate.settings import AggregateSettings
from services.aggregate.verify import verifier
from tests.support.arena_catalog import write_catalog
from tests.support.one_service_home import one_service_home
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.repository import REPOSITORY
from tests.support.restricted_people import RestrictingPrivacy, restricting_privacy
from tests.support.waiting import until

STREAM = "enrich:{0}:enriched"


@dataclass
class Stores:
    """The stores and the settings that lead to them."""

    settings: AggregateSettings
    database_url: str
    redis: Redis

    def send(self, fields: Mapping[bytes, bytes]) -> bytes:
        """Adds an entry as enrich does; returns its id."""
        untyped: dict[Any, Any] = dict(fields)
        entry_id = self.redis.xadd(STREAM, untyped)
        assert isinstance(entry_id, bytes)
        return entry_id

    def sql(
        self, statement: str, parameters: Mapping[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def is_drained(self) -> bool:
        """Whether everything was read and acknowledged."""
        groups = self.redis.xinfo_groups(STREAM) if self.redis.exists(STREAM) else []
        last = self.redis.xinfo_stream(STREAM)["last-generated-id"] if groups else None
        return any(g["pending"] == 0 and g["last-delivered-id"] == last for g in groups)

    async def until_drained(self) -> None:
        """Waits for that."""
        await until(self.is_drained)


@dataclass
class Aggregate:
    """A running service as its callers see it."""

    stub: Any
    address: str
    drain: Callable[[], None]


@pytest.fixture
def products() -> Sequence[str]:
    """The apps of the repository whose catalogs the service has, besides the tests' own. A module that needs
    any has a fixture of this name: their jobs and rollups take each start a second."""
    return ()


@pytest.fixture
def with_jobs() -> bool:
    """Whether the service runs its jobs, all of which are due in an empty database and keep it from stopping
    until they have begun. A module about them has a fixture of this name."""
    return False


@pytest.fixture(autouse=True)
def looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to when all is counted is measured more often than each two seconds, a verification waits for less
    than one, and what serves watchers notices changed catalogs, and a stop, in less than half of one."""
    monkeypatch.setattr(watermark, "_INTERVAL_SECONDS", 0.2)
    monkeypatch.setattr(verifier, "_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(watch_hub, "_POLL_SECONDS", 0.05)


@pytest.fixture
def recounts_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service looks ten times a second for what is to be recounted, and not each five seconds. For tests
    that wait for it, not for those that recount step by step beside it."""
    monkeypatch.setattr(worker, "_INTERVAL_SECONDS", 0.1)


@pytest.fixture
def stores(
    database_url: str,
    role_url: Callable[[str], str],
    redis_url: str,
    tmp_path: Path,
    products: Sequence[str],
) -> Iterator[Stores]:
    """Empty stores, and the catalogs of the tests and of `products`."""
    for product in products:
        catalog = REPOSITORY / "catalogs" / f"{product}.yaml"
        (tmp_path / catalog.name).write_bytes(catalog.read_bytes())
    settings = AggregateSettings(
        environment="development",
        port=0,
        database_url=role_url("weir_aggregate"),
        redis_url=redis_url,
        catalogs=write_catalog(tmp_path),
        pseudonym_key=SecretStr(PSEUDONYM_KEY),
        claim_idle_seconds=0.4,
        max_attempts=2,
        catalog_poll_seconds=0.1,
        catalog_wait_seconds=0,
        watch_interval_seconds=0.05,
    )
    with Redis.from_url(redis_url) as redis:
        yield Stores(settings, database_url, redis)


@pytest.fixture
async def privacy() -> AsyncIterator[RestrictingPrivacy]:
    """What the services under test ask whose data are restricted: no one's."""
    async with restricting_privacy() as privacy:
        yield privacy


@pytest.fixture
async def start(
    stores: Stores, with_jobs: bool, privacy: RestrictingPrivacy
) -> AsyncIterator[Callable[[], Awaitable[Aggregate]]]:
    """Starts services, as many as a test wants; all are stopped at the end."""
    async with AsyncExitStack() as everything:

        async def start_one() -> Aggregate:
            stack = await everything.enter_async_context(AsyncExitStack())
            stop = asyncio.Event()
            settings = stores.settings.model_copy(update={"privacy_address": privacy.address})
            parts = await build(settings, stack)
            wanted = [loop for loop in parts.loops if with_jobs or loop.name != "jobs"]
            runs = [*(loop.run for loop in wanted), parts.catalogs.run]
            server = GrpcServer(settings, parts.bindings)
            loops = [asyncio.create_task(run(stop)) for run in runs]
            await server.start()

            async def stop_one() -> None:
                stop.set()
                parts.drain()
                await server.stop(0)
                await asyncio.gather(*loops)

            stack.push_async_callback(stop_one)
            address = f"127.0.0.1:{server.port}"
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
            stub = aggregate_service_pb2_grpc.AggregateServiceStub(channel)
            return Aggregate(stub, address, parts.drain)

        yield start_one
    # A connection that the stop cut short is closed once it is made; until then Postgres cannot drop the
    # database, and nothing goes on here while it waits.
    names = {task: getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    if making := [task for task, name in names.items() if name == "AsyncConnection.connect"]:
        await asyncio.wait(making)


@pytest.fixture
async def aggregate(start: Callable[[], Awaitable[Aggregate]]) -> Aggregate:
    """One running service."""
    return await start()


@pytest.fixture
def home(aggregate: Aggregate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """WEIR_HOME of a suite that has only the service under test."""
    with one_service_home(tmp_path / "home", monkeypatch, aggregate=aggregate.address) as home:
        yield home

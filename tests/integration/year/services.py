"""All four services in this process, on real stores, by a clock that the test sets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import grpc
from pydantic import SecretStr
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc
from weir.privacy.v1 import (
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    subject_request_service_pb2_grpc,
)
from weir.privacy.v1 import subject_request_service_pb2 as pb_requests

from libs.jobs.job import Job, JobContext
from libs.jobs.runner import JobRunner
from libs.rpc.process import ServiceParts
from libs.rpc.server import GrpcServer
from libs.stores.redis_client import RedisClient
from services.aggregate.server import build as build_aggregate
from services.aggregate.settings import AggregateSettings
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.server import build as build_enrich
from services.enrich.settings import EnrichSettings
from services.ingest.server import build as build_ingest
from services.ingest.settings import IngestSettings
from services.privacy.server import build as build_privacy
from services.privacy.settings import PrivacySettings
from suite.embedded.ports import reserve_port
from tests.integration.year.catalog import ARCHIVE_DAYS
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.waiting import until
from tests.support.wrapping_keys import WRAPPING_KEYS

SERVICES: Mapping[str, tuple[Any, Callable[..., Awaitable[ServiceParts]]]] = {
    "ingest": (IngestSettings, build_ingest),
    "enrich": (EnrichSettings, build_enrich),
    "aggregate": (AggregateSettings, build_aggregate),
    "privacy": (PrivacySettings, build_privacy),
}
# The test runs jobs itself, at the times of its own clock; one of them makes partitions, which the loop would
# do at a moment of its own.
_NOT_RUN = {"jobs", "partitions", "overdue data", "retention runs"}
_FIRST_PORT = 25_500
_READERS = {
    "ingest:{0}:raw": "enrich",
    "enrich:{0}:enriched": "aggregate",
    "ingest:{0}:dead_letters": "ingest",
    "enrich:{0}:dead_letters": "ingest",
}


class Services:
    """The running services as senders, people and operators see them."""

    def __init__(self, redis: RedisClient, clock: FixedClock) -> None:
        self.redis, self.clock = redis, clock
        self.parts: dict[str, ServiceParts] = {}
        self.ingest: Any = None
        self.privacy: Any = None
        self.requests: Any = None

    async def track(self, app_id: str, *events: event_pb2.Event) -> list[str]:
        """Sends events at once; the verdict of each, as `accepted`."""
        request = pb.TrackBatchRequest(app_id=app_id, events=events)
        response = await self.ingest.TrackBatch(request, timeout=60)
        verdicts = ["accepted"] * len(events)
        for result in response.results:
            name = pb.Verdict.Name(result.verdict)
            verdicts[result.index] = name.removeprefix("VERDICT_").lower()
        return verdicts

    async def record(self, app_id: str, subject_id: str, purpose: str, *, granted: bool) -> None:
        """Records a choice of a person."""
        choice = privacy_service_pb2.ConsentChoice(purpose=purpose, granted=granted)
        await self.privacy.RecordConsent(
            privacy_service_pb2.RecordConsentRequest(
                app_id=app_id,
                subject_id=subject_id,
                choices=[choice],
                actor=subject_id,
                method="settings",
                notice_version="1",
            ),
            timeout=60,
        )

    async def erase(
        self, app_id: str, subject_id: str, seconds: float
    ) -> pb_requests.SubjectRequest:
        """Erases a person; the request when it is done. Raises TimeoutError if it takes longer than that."""
        asked = pb_requests.CreateErasureRequest(app_id=app_id, subject_id=subject_id)
        request: pb_requests.SubjectRequest = (
            await self.requests.CreateErasure(asked, timeout=60)
        ).request
        again = pb_requests.GetRequestRequest(app_id=app_id, request_id=request.request_id)
        async with asyncio.timeout(seconds):
            while request.state != pb_requests.SUBJECT_REQUEST_STATE_DONE:
                await asyncio.sleep(0.1)
                request = (await self.requests.GetRequest(again, timeout=60)).request
        return request

    async def until_counted(self) -> None:
        """Waits until every stream is read and acknowledged, the first ones first."""
        await until(self._is_drained)

    async def _is_drained(self) -> bool:
        for stream, group in _READERS.items():
            if not await self.redis.exists(stream):
                continue
            last = (await self.redis.xinfo_stream(stream))["last-generated-id"]
            found = {each["name"].decode(): each for each in await self.redis.xinfo_groups(stream)}
            if group not in found or found[group]["pending"]:
                return False
            if found[group]["last-delivered-id"] != last:
                return False
        return True

    def jobs(self) -> list[Job]:
        """The jobs that the services' runners have now."""
        found: list[Job] = []
        for parts in self.parts.values():
            for loop in parts.loops:
                if loop.name == "jobs":
                    runner = cast(JobRunner, cast(Any, loop.run).__self__)
                    found += runner._current().values()
        return found

    async def run(self, job: Job, due_at: datetime) -> Mapping[str, int]:
        """Runs a job at its due time, by the clock."""
        self.clock.now = due_at
        return await job.run(JobContext(due_at))


@asynccontextmanager
async def running(
    redis: RedisClient,
    redis_url: str,
    role_url: Callable[[str], str],
    catalogs: Path,
    archive: Path,
    clock: FixedClock,
) -> AsyncIterator[Services]:
    """The services, until the block ends; enrich has its archive in a folder."""
    services = Services(redis, clock)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        tasks: list[asyncio.Task[None]] = []
        servers: dict[str, GrpcServer] = {}
        # Each knows where the others are.
        ports = {name: reserve_port(_FIRST_PORT) for name in SERVICES}
        for reservation in ports.values():
            stack.callback(reservation.release)
        addresses = {f"{name}_address": f"127.0.0.1:{held.port}" for name, held in ports.items()}
        for name, (kind, build) in SERVICES.items():
            given: dict[str, Any] = {
                "environment": "development",
                "port": ports[name].port,
                **addresses,
                "database_url": role_url(f"weir_{name}"),
                "redis_url": redis_url,
                "catalogs": catalogs,
                "pseudonym_key": SecretStr(PSEUDONYM_KEY),
                "catalog_poll_seconds": 0,
            }
            if name == "privacy":
                given |= {
                    "audit_key": SecretStr(PSEUDONYM_KEY),
                    "audit_kept_days": 30,
                    "sealing_keys": SecretStr(WRAPPING_KEYS),
                }
            if name == "enrich":
                given |= {"archive_url": f"file://{archive}", "archive_kept_days": ARCHIVE_DAYS}
            settings = kind(**given)
            parts = services.parts[name] = await build(settings, stack, clock)
            servers[name] = GrpcServer(settings, parts.bindings)
            for loop in parts.loops:
                if loop.name == "partitions":
                    # Merges need not leave writers any time: there are none at night.
                    cast(PartitionKeeper, cast(Any, loop.run).__self__).pause_seconds = 0
            loops = [loop for loop in parts.loops if loop.name not in _NOT_RUN]
            tasks += [asyncio.create_task(loop.run(stop), name=loop.name) for loop in loops]
        for server in servers.values():
            await server.start()
        channels = {
            name: await stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{servers[name].port}")
            )
            for name in ("ingest", "privacy")
        }
        services.ingest = ingest_service_pb2_grpc.IngestServiceStub(channels["ingest"])
        services.privacy = privacy_service_pb2_grpc.PrivacyServiceStub(channels["privacy"])
        services.requests = subject_request_service_pb2_grpc.SubjectRequestServiceStub(
            channels["privacy"]
        )
        try:
            yield services
        finally:
            stop.set()
            for parts in services.parts.values():
                parts.drain()
            for server in servers.values():
                await server.stop(0)
            await asyncio.gather(*tasks)

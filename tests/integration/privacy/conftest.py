"""The privacy service in this process, on real stores."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from weir.privacy.v1 import (
    audit_service_pb2_grpc,
    privacy_service_pb2_grpc,
    subject_key_service_pb2_grpc,
)
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.consent import READY_FIELD, consent_key
from libs.rpc.server import GrpcServer
from libs.stores.postgres import create_engine
from services.privacy.audit.redis import HEADS
from services.privacy.server import build
from services.privacy.settings import PrivacySettings
from suite.home import Addresses, Home
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.waiting import until
from tests.support.wrapping_keys import WRAPPING_KEYS

APP = "gamelaunch"  # telemetry: granted by default, anonymize when denied
PURPOSE = "telemetry"
AUDIT_KEY = "the-key-of-the-audit-trail"


@dataclass
class Privacy:
    """A running service as its callers see it, and its mirror as Redis holds it."""

    stub: Any
    redis_url: str
    address: str
    audit: Any = None

    async def record(self, subject_id: str, *, app_id: str = APP, **choices: bool) -> str:
        """Returns the token."""
        response = await self.stub.RecordConsent(
            pb.RecordConsentRequest(
                app_id=app_id,
                subject_id=subject_id,
                choices=[pb.ConsentChoice(purpose=p, granted=g) for p, g in choices.items()],
                actor=subject_id,
                method="test",
                notice_version="1",
            ),
            timeout=20,
        )
        return str(response.token)

    async def check(self, subject_id: str, token: str = "") -> str:
        """`allow`, `anonymize` or `drop`."""
        response = await self.stub.CheckConsent(
            pb.CheckConsentRequest(app_id=APP, subject_id=subject_id, purpose=PURPOSE, token=token),
            timeout=20,
        )
        return pb.Decision.Name(response.decision).removeprefix("DECISION_").lower()

    async def history(self, subject_id: str) -> list[pb.ConsentEntry]:
        """Oldest first; one page."""
        request = pb.GetConsentHistoryRequest(app_id=APP, subject_id=subject_id)
        return list((await self.stub.GetConsentHistory(request, timeout=20)).entries)

    def mirrored(self, subject_id: str) -> str | None:
        """A person's text in Redis, without the version."""
        with Redis.from_url(self.redis_url) as redis:
            text = redis.hget(consent_key(APP, 0), subject_id)
        return text.decode().partition(" ")[2] if isinstance(text, bytes) else None

    def mirror(self, subject_id: str, text: str) -> None:
        """Sets a person's text in Redis by hand."""
        with Redis.from_url(self.redis_url) as redis:
            redis.hset(consent_key(APP, 0), subject_id, text)

    def published_head(self) -> str:
        """The head of the audit trail that is published; empty if there is none."""
        with Redis.from_url(self.redis_url) as redis:
            value = redis.hget(HEADS, APP)
        return value.decode() if isinstance(value, bytes) else ""

    def is_whole(self) -> bool:
        """Whether the mirror is marked as whole for this run of Redis."""
        with Redis.from_url(self.redis_url) as redis:
            run_id = redis.info("server")["run_id"].encode()
            return bool(redis.hget(consent_key(APP, 0), READY_FIELD) == run_id + b"/1")

    async def until_whole(self) -> None:
        """Waits for the mirror to be filled."""
        await until(self.is_whole)


@asynccontextmanager
async def serving(settings: PrivacySettings, clock: FixedClock) -> AsyncIterator[Privacy]:
    """The service in this process, while the block runs."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        parts = await build(settings, stack, clock)
        server = GrpcServer(settings, parts.bindings)
        loops = [asyncio.create_task(loop.run(stop)) for loop in parts.loops]
        await server.start()
        address = f"127.0.0.1:{server.port}"
        async with grpc.aio.insecure_channel(address) as channel:
            stub = privacy_service_pb2_grpc.PrivacyServiceStub(channel)
            audit = audit_service_pb2_grpc.AuditServiceStub(channel)
            yield Privacy(stub, settings.redis_url.get_secret_value(), address, audit)
        stop.set()
        await server.stop(0)
        await asyncio.gather(*loops)


@pytest.fixture
def catalog_settings() -> dict[str, Any]:
    """Settings that the tests of a module need beside the usual ones."""
    return {}


@pytest.fixture
def clock() -> FixedClock:
    """The clock of the service."""
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def settings(
    role_url: Callable[[str], str], redis_url: str, catalog_settings: dict[str, Any]
) -> PrivacySettings:
    """Settings of the service."""
    return PrivacySettings(
        environment="development",
        port=0,
        database_url=role_url("weir_privacy"),
        redis_url=redis_url,
        pseudonym_key=SecretStr(PSEUDONYM_KEY),
        audit_key=SecretStr(AUDIT_KEY),
        sealing_keys=SecretStr(WRAPPING_KEYS),
        consent_redis_timeout_seconds=0.5,
        **catalog_settings,
    )


@pytest.fixture
async def starting(settings: PrivacySettings, clock: FixedClock) -> AsyncIterator[Privacy]:
    """Answering calls, with its background loop; its mirror is being filled."""
    async with serving(settings, clock) as privacy:
        yield privacy


@pytest.fixture
async def privacy(starting: Privacy) -> Privacy:
    """The same, and its mirror is filled."""
    await starting.until_whole()
    return starting


@pytest.fixture
async def key_calls(starting: Privacy) -> AsyncIterator[Any]:
    """A stub of its SubjectKeyService."""
    async with grpc.aio.insecure_channel(starting.address) as channel:
        yield subject_key_service_pb2_grpc.SubjectKeyServiceStub(channel)


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    """Connections as the service's own role."""
    engine = create_engine(role_url("weir_privacy"), service="test")
    yield engine
    await engine.dispose()


@pytest.fixture
def home(privacy: Privacy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """WEIR_HOME of a suite that has only the service under test."""
    addresses = Addresses(
        services={"privacy": privacy.address},
        metrics={},
        database_url="",
        redis_url="",
        token="t",
        pid=os.getpid(),
    )
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    # The service is in this process, and would write its log into the command's output.
    with Home(tmp_path).lock(), capture_logs():
        Home(tmp_path).write_addresses(addresses)
        yield tmp_path

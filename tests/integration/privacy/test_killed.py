"""Privacy killed between two writes. The real process, and a wire to Redis that can be cut."""

import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import psycopg
import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from suite.embedded.service import ServiceProcess
from tests.integration.privacy.conftest import APP, AUDIT_KEY, PURPOSE, Privacy
from tests.support.environment import without_settings
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.waiting import until
from tests.support.wrapping_keys import WRAPPING_KEYS

pytestmark = pytest.mark.fault


class Wire:
    """A TCP proxy to Redis on a Unix socket; `cut` swallows what is said to Redis from then on."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = target.path
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"redis://:{target.password}@127.0.0.1:{port}/0"
        self.cut = False
        self._closing = False
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._thread.join()

    def _carry(self) -> None:
        ends: dict[socket.socket, socket.socket] = {}
        inward: set[socket.socket] = set()
        while not self._closing:
            for source in select.select([self._listener, *ends], [], [], 0.05)[0]:
                if source is self._listener:
                    caller, _ = source.accept()
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(self._target)
                    ends.update({caller: server, server: caller})
                    inward.add(caller)
                elif source in ends:
                    try:
                        data = source.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        other = ends.pop(source)
                        del ends[other]
                        source.close()
                        other.close()
                    elif not (self.cut and source in inward):
                        ends[source].sendall(data)
        for end in (self._listener, *ends):
            end.close()


@pytest.fixture
def wire(redis_url: str) -> Iterator[Wire]:
    with closing(Wire(redis_url)) as wire:
        yield wire


@pytest.fixture
def process(wire: Wire, database_url: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    inherited = without_settings()
    service = ServiceProcess(
        "services.privacy",
        port=28054,
        metrics_port=28467,
        log=tmp_path / "privacy.log",
        environment={
            **inherited,
            "WEIR_ENVIRONMENT": "development",
            "WEIR_DATABASE_URL": database_url,
            "WEIR_REDIS_URL": wire.url,
            "WEIR_PSEUDONYM_KEY": PSEUDONYM_KEY,
            "WEIR_PRIVACY_AUDIT_KEY": AUDIT_KEY,
            "WEIR_PRIVACY_SEALING_KEYS": WRAPPING_KEYS,
            "WEIR_PRIVACY_CONSENT_REDIS_TIMEOUT_SECONDS": "5",
        },
    )
    service.start()
    yield service
    service.stop()


def record(address: str, *, granted: bool) -> str:
    with grpc.insecure_channel(address) as channel:
        response = privacy_service_pb2_grpc.PrivacyServiceStub(channel).RecordConsent(
            pb.RecordConsentRequest(
                app_id=APP,
                subject_id="ann",
                choices=[pb.ConsentChoice(purpose=PURPOSE, granted=granted)],
                actor="ann",
                method="test",
                notice_version="1",
            ),
            timeout=20,
        )
    return str(response.token)


def check(address: str) -> str:
    with grpc.insecure_channel(address) as channel:
        response = privacy_service_pb2_grpc.PrivacyServiceStub(channel).CheckConsent(
            pb.CheckConsentRequest(app_id=APP, subject_id="ann", purpose=PURPOSE), timeout=20
        )
    return pb.Decision.Name(response.decision)


async def test_killed_between_commit_and_mirror(
    process: ServiceProcess, wire: Wire, database_url: str, redis_url: str
) -> None:
    mirror = Privacy(None, redis_url, "")
    await mirror.until_whole()
    record(process.url, granted=False)
    assert check(process.url) == "DECISION_ANONYMIZE"
    wire.cut = True
    with ThreadPoolExecutor() as executor:
        call = executor.submit(record, process.url, granted=True)
        with psycopg.connect(database_url, autocommit=True) as connection:
            await until(
                lambda: (
                    connection.execute("SELECT granted FROM privacy.consents").fetchone() == (True,)
                )
            )
        process.kill()
        assert isinstance(call.exception(), grpc.RpcError)
    # Committed and not mirrored, and the mirror has never stopped being whole.
    assert mirror.mirrored("ann") == "-telemetry"
    assert mirror.is_whole()
    wire.cut = False
    process.start()
    await until(lambda: mirror.mirrored("ann") == "+telemetry")
    assert check(process.url) == "DECISION_ALLOW"


async def test_killed_between_closing_and_commit(
    process: ServiceProcess, database_url: str, redis_url: str
) -> None:
    mirror = Privacy(None, redis_url, "")
    await mirror.until_whole()
    record(process.url, granted=True)
    with ThreadPoolExecutor() as executor, psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE privacy.consents IN EXCLUSIVE MODE")
        call = executor.submit(record, process.url, granted=False)
        await until(lambda: mirror.mirrored("ann") == "~telemetry")
        process.kill()
        assert isinstance(call.exception(), grpc.RpcError)
        connection.rollback()
    process.start()
    # No caller got an answer that it was recorded, and the stricter state stays until it is recorded again.
    assert check(process.url) == "DECISION_ANONYMIZE"
    record(process.url, granted=False)
    assert check(process.url) == "DECISION_ANONYMIZE"
    record(process.url, granted=True)
    assert check(process.url) == "DECISION_ALLOW"


def watch(address: str, token: str, count: int) -> tuple[list[bool], str]:
    """The next `count` changes, each as whether it is a grant, and the token after them."""
    seen: list[bool] = []
    request = pb.WatchConsentRequest(app_id=APP, resume_token=token)
    with grpc.insecure_channel(address) as channel:
        call = privacy_service_pb2_grpc.PrivacyServiceStub(channel).WatchConsent(
            request, timeout=60
        )
        for message in call:
            seen += [entry.granted for change in message.changes for entry in change.entries]
            token = message.resume_token
            if len(seen) >= count:
                break
        call.cancel()
    return seen, token


async def test_a_watcher_goes_on_after_a_kill(process: ServiceProcess, redis_url: str) -> None:
    await Privacy(None, redis_url, "").until_whole()
    _, token = watch(process.url, "", 0)
    record(process.url, granted=False)
    seen, token = watch(process.url, token, 1)
    assert seen == [False]
    record(process.url, granted=True)
    process.kill()
    process.start()
    record(process.url, granted=False)
    assert watch(process.url, token, 2)[0] == [True, False]

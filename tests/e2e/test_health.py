"""Health while stores are away, and what services go on doing meanwhile."""

import uuid
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from weir.aggregate.v1 import aggregate_service_pb2, aggregate_service_pb2_grpc
from weir.privacy.v1 import privacy_service_pb2, privacy_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.frozen import frozen
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import PATIENCE_SECONDS, eventually
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")
APP = "unofficial_communities"
NAMES = {
    "ingest": "weir.ingest.v1.IngestService",
    "enrich": "weir.enrich.v1.EnrichService",
    "aggregate": "weir.aggregate.v1.AggregateService",
    "privacy": "weir.privacy.v1.PrivacyService",
}
# As docs/operations.md has it: which services are SERVING without which store.
WITHOUT_POSTGRES = {"ingest", "privacy"}
WITHOUT_REDIS = {"aggregate", "privacy"}


@pytest.fixture(scope="module")
def suite(counted_suite: Suite) -> Suite:
    return counted_suite


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def _serving(calls: SuiteCalls, service: str, name: str) -> bool:
    stub = health_pb2_grpc.HealthStub(calls.channel(service))
    request = health_pb2.HealthCheckRequest(service=name)
    answer = stub.Check(request, timeout=PATIENCE_SECONDS)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _ready(calls: SuiteCalls) -> set[str]:
    return {service for service, name in NAMES.items() if _serving(calls, service, name)}


def _away(calls: SuiteCalls) -> set[tuple[str, str]]:
    """The stores that are away, by the service that says so."""
    return {
        (service, store)
        for service in NAMES
        for store in ("redis", "postgres")
        if not _serving(calls, service, store)
    }


def _is_taken(calls: SuiteCalls) -> bool:
    event = build_event(
        "community.member.joined", event_id=str(uuid.uuid4()), subject_id="7", group_id="1"
    )
    counts = calls.track(APP, event).counts
    return counts.accepted + counts.anonymized == 1


def _is_answered(calls: SuiteCalls) -> bool:
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(calls.channel("privacy"))
    request = privacy_service_pb2.CheckConsentRequest(
        app_id=APP, subject_id="7", purpose="telemetry"
    )
    try:
        stub.CheckConsent(request, metadata=calls.metadata, timeout=PATIENCE_SECONDS)
    except grpc.RpcError:
        return False
    return True


def _is_counted(calls: SuiteCalls) -> bool:
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = aggregate_service_pb2.QueryRollupRequest(app_id=APP, rollup="events")
    answer = stub.QueryRollup(request, metadata=calls.metadata, timeout=PATIENCE_SECONDS)
    return bool(answer.cells)


def test_a_postgres_that_hangs(suite: Suite, calls: SuiteCalls) -> None:
    assert _ready(calls) == set(NAMES)
    with frozen(suite.pid("postgres")):
        eventually(lambda: _away(calls) == {(service, "postgres") for service in NAMES})
        assert _ready(calls) == WITHOUT_POSTGRES
        assert all(_serving(calls, service, "") for service in NAMES)
        assert _is_taken(calls)
        assert _is_answered(calls)
    eventually(lambda: _ready(calls) == set(NAMES) and not _away(calls))


def test_a_redis_that_is_gone(suite: Suite, calls: SuiteCalls) -> None:
    assert _is_taken(calls)
    eventually(lambda: _is_counted(calls))
    suite.kill("redis")
    try:
        eventually(lambda: _away(calls) == {(service, "redis") for service in NAMES})
        assert _ready(calls) == WITHOUT_REDIS
        assert all(_serving(calls, service, "") for service in NAMES)
        assert _is_answered(calls)
        assert _is_counted(calls)
    finally:
        suite.restart("redis")
    eventually(lambda: _ready(calls) == set(NAMES) and not _away(calls))

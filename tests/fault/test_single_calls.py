"""A call about one event, answered: from then on the event outlives whatever is killed."""

import uuid

import pytest
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.frozen import frozen
from tests.support.suite_calls import suite_calls
from weir_client import Client, build_event

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]


@pytest.mark.parametrize(
    ("name", "producer", "properties"),
    [
        ("community.invite.used", event_pb2.PRODUCER_API, {"community_id": 1}),
        ("gamification.mission.assigned", event_pb2.PRODUCER_JOB, {"mission_count": 3}),
    ],
)
def test_an_event_is_durable_once_its_call_has_returned(
    fragile_suite: Suite, name: str, producer: int, properties: dict[str, object]
) -> None:
    event_id = f"single-{uuid.uuid4().hex}"
    event = build_event(name, event_id=event_id, producer=producer, properties=properties)
    addresses = fragile_suite.addresses
    with suite_calls(fragile_suite) as calls:
        # So that the event is in no other place than the one that ingest has put it into.
        with frozen(fragile_suite.pid("enrich")):
            with Client(addresses.services["ingest"], token=addresses.token) as client:
                assert client.track(APP, event).verdict == pb.VERDICT_ACCEPTED
            fragile_suite.kill("redis")
            fragile_suite.kill("ingest")
            fragile_suite.restart("redis")
            fragile_suite.restart("ingest")
        assert calls.stored("event_id", [event_id]) == [(event_id,)]

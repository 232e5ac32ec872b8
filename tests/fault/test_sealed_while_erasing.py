"""A person comes back while their own erasure is under way: what is sealed then outlives it."""

import uuid

import pytest
from weir.privacy.v1 import subject_key_service_pb2 as key_pb
from weir.privacy.v1 import subject_key_service_pb2_grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb

from libs.sealing.values import read_sealed
from suite.supervisor import Suite
from tests.support.erasing import Erasing, counts, new_person
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from weir_client import build_event

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]


def test_what_is_sealed_while_the_erasure_runs_outlives_it(fragile_suite: Suite) -> None:
    app, purpose, person = "ip_assets", "analytics", new_person()
    with suite_calls(fragile_suite) as calls:
        erasing = Erasing(calls, app)
        # Enrich remembers the key for a minute from here on.
        before = _sealed_key(calls, person, "before")
        fragile_suite.kill("aggregate")
        request_id = erasing.create(person).request_id
        fenced = (
            "SELECT FROM privacy.subject_requests WHERE request_id = %s AND fenced_at IS NOT NULL"
        )
        eventually(lambda: calls.query(fenced, request_id))
        # As early as a person can come back.
        calls.record_consent(app, person, **{purpose: True})
        early = _sealed_key(calls, person, "back")
        fragile_suite.kill("privacy")
        fragile_suite.restart("privacy")
    with suite_calls(fragile_suite) as calls:
        again = _sealed_key(calls, person, "back again")
        assert early == again != before
        assert Erasing(calls, app).get(request_id).state == pb.SUBJECT_REQUEST_STATE_RUNNING
        assert _opened(calls, app, purpose, before, early) == {before, early}
        fragile_suite.restart("aggregate")
    with suite_calls(fragile_suite) as calls:
        found = Erasing(calls, app).done(request_id)
        assert counts(found)["privacy.subject_keys"] == (1, 0, 0)
        assert _opened(calls, app, purpose, before, early) == {early}
        # And what comes then has the same key.
        assert _sealed_key(calls, person, "still here") == early


def _sealed_key(calls: SuiteCalls, person: str, query: str) -> bytes:
    """The id of the key that a value of a new event of the person is sealed with."""
    event_id = f"sealed-{uuid.uuid4()}"
    properties = {"query": query, "resultCount": 3}
    calls.track(
        "ip_assets",
        build_event(
            "search_performed", event_id=event_id, subject_id=person, properties=properties
        ),
    )
    [(stored,)] = calls.stored("properties", [event_id])
    sealed = read_sealed(stored["query"])
    assert sealed is not None
    return sealed.key_id


def _opened(calls: SuiteCalls, app: str, purpose: str, *key_ids: bytes) -> set[bytes]:
    """Those of the keys that open what they have sealed."""
    stub = subject_key_service_pb2_grpc.SubjectKeyServiceStub(calls.channel("privacy"))
    request = key_pb.GetOpeningKeysRequest(
        app_id=app, key_ids=key_ids, purpose=purpose, actor="test"
    )
    answer = stub.GetOpeningKeys(request, metadata=calls.metadata, timeout=60)
    return {key.key_id for key in answer.keys}

"""kill -9 in the middle of a rectification: the event has either all old or all new values, and the request
goes on."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from weir.privacy.v1 import subject_request_service_pb2 as pb

from services.enrich.erasure.fences import FENCE_LOCK
from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.erasing import Erasing, new_person
from tests.support.stream_events import ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
BEFORE = {"mission_type": "send_messages", "xp_awarded": 50}
AFTER = {"mission_type": "corrected", "xp_awarded": 70}


@pytest.mark.parametrize("service", ["privacy", "enrich", "aggregate"])
def test_a_rectification_goes_on_after_a_kill(fragile_suite: Suite, service: str) -> None:
    request_id = str(uuid.uuid4())
    with suite_calls(fragile_suite) as calls:
        person, event = _stored_event(calls)
    stored = "SELECT properties FROM enrich.events WHERE event_id = %s"

    # In the transaction that changes the event.
    with ThreadPoolExecutor(1) as pool, _changes_stopped(fragile_suite) as connection:
        call = pool.submit(_rectify, fragile_suite, person, event, request_id)
        eventually(lambda: _waits(connection))
        fragile_suite.kill(service)
        connection.commit()
        answered = call.exception(timeout=100) is None
    with suite_calls(fragile_suite) as calls:
        [(said,)] = calls.query(stored, event)
    assert said in (BEFORE, AFTER)
    assert answered == (service == "aggregate")
    fragile_suite.restart(service)

    # The caller who got no answer asks again. Behind the change, it goes on without the caller.
    eventually(lambda: _is_answered(fragile_suite, person, event, request_id))
    fragile_suite.kill(service)
    with suite_calls(fragile_suite) as calls:
        assert calls.query(stored, event) == [(AFTER,)]
    fragile_suite.restart(service)
    with suite_calls(fragile_suite) as calls:
        Erasing(calls, APP).done(request_id)
        assert Erasing(calls, APP).differences() == []
        assert calls.query(stored, event) == [(AFTER,)]
        entries = calls.query(
            "SELECT outcome FROM privacy.audit_entries WHERE action = 'subject.rectified'"
            " AND details ->> 'request' = %s",
            request_id,
        )
        assert entries == [("done",)]


def test_a_request_whose_caller_is_gone_ends(fragile_suite: Suite) -> None:
    """Nothing but the call has the values. It was cut off a minute ago, before the event was changed."""
    request_id = str(uuid.uuid4())
    with suite_calls(fragile_suite) as calls:
        person, event = _stored_event(calls)
        with ThreadPoolExecutor(1) as pool, _changes_stopped(fragile_suite) as connection:
            call = pool.submit(_rectify, fragile_suite, person, event, request_id)
            eventually(lambda: _waits(connection))
            fragile_suite.kill("enrich")
            connection.commit()
            assert isinstance(call.exception(timeout=100), grpc.RpcError)
        with psycopg.connect(fragile_suite.addresses.database_url) as owner:
            owner.execute(
                "UPDATE privacy.subject_requests SET created_at = created_at - interval '61 seconds'"
                " WHERE request_id = %s",
                [request_id],
            )
        fragile_suite.restart("enrich")
        requests = Erasing(calls, APP)
        failed = pb.SUBJECT_REQUEST_STATE_FAILED
        eventually(lambda: requests.get(request_id).state == failed)
        # Too late.
        with pytest.raises(grpc.RpcError) as late:
            _rectify(fragile_suite, person, event, request_id)
        assert late.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        stored = "SELECT properties FROM enrich.events WHERE event_id = %s"
        assert calls.query(stored, event) == [(BEFORE,)]


def _stored_event(calls: SuiteCalls) -> tuple[str, str]:
    """A new person, and a stored event of them that says BEFORE: their ids."""
    person, [event] = new_person(), ids(1)
    calls.record_consent(APP, person, telemetry=True)
    calls.track(APP, mission(event, subject_id=person, properties=BEFORE))
    calls.stored("event_id", [event])
    return person, event


@contextmanager
def _changes_stopped(suite: Suite) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Enrich looks for fences in the transaction that changes an event, and waits for this one."""
    with psycopg.connect(suite.addresses.database_url) as connection:
        connection.execute(f"SELECT pg_advisory_xact_lock({FENCE_LOCK})".encode())
        yield connection


def _waits(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    waiting = (
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %s::oid"
    )
    return bool(connection.execute(waiting, FENCE_LOCK.split(", ")[:1]).fetchall())


def _rectify(suite: Suite, person: str, event: str, request_id: str) -> pb.SubjectRequest:
    asked = pb.CreateRectificationRequest(
        app_id=APP,
        subject_id=person,
        event_id=event,
        request_id=request_id,
        changes=[
            pb.PropertyChange(property="mission_type", value_json=b'"corrected"'),
            pb.PropertyChange(property="xp_awarded", value_json=b"70"),
        ],
    )
    with suite_calls(suite) as calls:
        made: pb.SubjectRequest = Erasing(calls, APP).call("CreateRectification", asked).request
        return made


def _is_answered(suite: Suite, person: str, event: str, request_id: str) -> bool:
    try:
        _rectify(suite, person, event, request_id)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return False
        raise
    return True

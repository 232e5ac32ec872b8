"""AddValue's `delete_user_data`: a user's stored events are anonymized at once, and stay for the numbers."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.common.v1 import event_pb2

from tests.support.erasing import Erasing, counts, new_person
from tests.support.pseudonyms import pseudonymizer_of
from tests.support.stream_events import ids
from tests.support.suite_calls import SuiteCalls
from tests.support.waiting import eventually
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")
APP = "addvalue"


def test_addvalue_events_stay_for_the_numbers(calls: SuiteCalls) -> None:
    """AV-123, with what it says of properties: another user's event that names this one loses the name."""
    erasing, person, other = Erasing(calls, APP), new_person(), new_person()
    category, device = f"kindness-{uuid.uuid4().hex}", uuid.uuid4().hex
    for each in (person, other):
        calls.record_consent(APP, each, analytics=True)
    own, others, [queued, fresh] = ids(4), ids(2), ids(2)
    late = _micro_act(queued, person, category, device)
    happened = [
        *(_micro_act(event_id, person, category, device) for event_id in own[:3]),
        _follows(own[3], person, other),
        _micro_act(others[0], other, category, ""),
        _follows(others[1], other, person),
    ]
    [(events_before,)] = calls.query("SELECT count(*) FROM enrich.events WHERE app_id = %s", APP)
    assert calls.track(APP, *happened).counts.accepted == 6
    calls.stored("event_id", [*own, *others])
    eventually(lambda: _microacts(calls, category) == {"microacts": 4.0, "people": 2.0})
    [(session,)] = {*calls.stored("session_id", own)}

    found = erasing.erase(person)

    # Four of the user's own, and the other's that named the user; no row is gone.
    assert counts(found)["enrich.events"] == (0, 5, 0)
    receipt = orjson.loads(found.receipt_json)
    [events] = [each for each in receipt["stores"] if each["store"] == "enrich.events"]
    assert (events["erased"], events["anonymized"]) == (0, 5)
    [(said,)] = calls.query(
        "SELECT details FROM privacy.audit_entries WHERE action = 'subject.erased'"
        " AND details ->> 'request' = %s",
        found.request_id,
    )
    assert (said["enrich.events"], said["enrich.events.anonymized"]) == (0, 5)
    stored = calls.query("SELECT count(*) FROM enrich.events WHERE app_id = %s", APP)
    assert stored == [(events_before + 6,)]
    rows = calls.query(
        "SELECT subject_id, anonymous_id, person, session_id, event_id, context FROM enrich.events"
        " WHERE app_id = %s AND properties ->> 'category' = %s AND subject_id IS DISTINCT FROM %s",
        *(APP, category, other),
    )
    assert rows == [(None,) * 6] * 3
    # Nothing leads to the user, with the key either, or from one of the events to the next.
    [persons] = [pseudonymizer_of(calls.suite.home).all_epochs(APP, person)]
    acts = [f"act-{event_id}" for event_id in own]
    by_key = [*persons, *(str(uuid.UUID(each)) for each in persons)]
    for text in (person, session, device, *acts, *by_key):
        naming = "SELECT count(*) FROM enrich.events AS stored WHERE strpos(stored::text, %s) > 0"
        assert calls.query(naming, text) == [(0,)]
    # What was done is counted as before, who did it is one fewer.
    assert _microacts(calls, category) == {"microacts": 4.0, "people": 1.0}
    assert erasing.differences() == []

    # The user comes back; what the old account still had in a queue is not stored.
    calls.record_consent(APP, person, analytics=True)
    calls.track(APP, late, _micro_act(fresh, person, category, device))
    assert calls.stored("subject_id", [fresh]) == [(person,)]
    assert calls.query("SELECT FROM enrich.events WHERE event_id = %s", queued) == []
    eventually(lambda: _microacts(calls, category) == {"microacts": 5.0, "people": 2.0})


def _micro_act(event_id: str, person: str, category: str, device: str) -> event_pb2.Event:
    properties = {"microact_id": f"act-{event_id}", "category": category}
    event = build_event(
        "microact_created",
        event_id=event_id,
        subject_id=person,
        session_id=f"visit of {person}",
        context={"platform": "ios", "app_version": "1.2", "ip": "203.0.113.77"},
        properties=properties,
    )
    if device:
        event.context.extra.update({"device_id": device})
    return event


def _follows(event_id: str, person: str, followed: str) -> event_pb2.Event:
    return build_event(
        "user_followed",
        event_id=event_id,
        subject_id=person,
        session_id=f"visit of {person}",
        properties={"followed_user_id": followed},
    )


def _microacts(calls: SuiteCalls, category: str) -> dict[str, Any]:
    """The numbers of a category of micro-acts, of yesterday to tomorrow."""
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request, now = pb.QueryRollupRequest(app_id=APP, rollup="microacts_day"), datetime.now(UTC)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    getattr(request, "from").FromDatetime(today - timedelta(days=1))
    request.to.FromDatetime(today + timedelta(days=2))
    cells = stub.QueryRollup(request, metadata=calls.metadata).cells
    for cell in cells:
        if category in MessageToDict(cell.dimensions).values():
            return dict(cell.metrics)
    return {}

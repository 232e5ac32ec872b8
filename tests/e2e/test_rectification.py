"""Rectification of a stored event in the running suite (GDPR, article 16)."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.json_format import MessageToDict
from weir.aggregate.v1 import aggregate_service_pb2 as aggregate_pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.privacy.v1 import subject_key_service_pb2 as key_pb
from weir.privacy.v1 import subject_key_service_pb2_grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb

from libs.sealing import DataKey, Place
from libs.sealing.values import read_sealed
from services.enrich.erasure.fences import FENCE_LOCK
from suite.supervisor import Suite
from tests.support.erasing import Erasing, new_person
from tests.support.packed_files import files_with
from tests.support.rejections import reason_of
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tests.support.weir_command import weir
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def test_numbers_follow_a_correction_and_no_value_is_kept_beside_the_event(
    suite: Suite, calls: SuiteCalls
) -> None:
    person, [event] = _person(calls), ids(1)
    wrong, right = f"wrong-{uuid.uuid4().hex}", f"right-{uuid.uuid4().hex}"
    sent = {"mission_type": wrong, "xp_awarded": 50, "missions_remaining": 3}
    calls.track(APP, mission(event, subject_id=person, properties=sent))
    calls.stored("event_id", [event])
    eventually(lambda: _xp(calls, wrong) == [50.0])
    # Also while the person's data are restricted, which is when they are contested.
    about = ("--app", APP, "--subject", person)
    assert weir(suite.home.path, "subject", "restrict", *about, "--reason", "x").returncode == 0

    request_id = str(uuid.uuid4())
    asked = (
        *("subject", "rectify", *about, "--event", event, "--request-id", request_id),
        *("--property", "mission_type", "--value", json.dumps(right)),
        *("--property", "xp_awarded", "--value", "70", "--remove", "missions_remaining"),
        *("--wait", "--json"),
    )
    answer = weir(suite.home.path, *asked)
    assert answer.returncode == 0, answer.stderr
    made = json.loads(answer.stdout)

    assert made["state"] == "done"
    [(properties,)] = calls.stored("properties", [event])
    assert properties == {"mission_type": right, "xp_awarded": 70}
    assert (_xp(calls, wrong), _xp(calls, right)) == ([], [70.0])
    assert Erasing(calls, APP).differences() == []
    # Asked again with the same id, nothing happens again; with another value it is another request.
    assert json.loads(weir(suite.home.path, *asked).stdout) == made
    other = weir(suite.home.path, *[each if each != "70" else "71" for each in asked])
    assert (other.returncode, "another request has this id" in other.stderr) == (1, True)
    [(entry,)] = calls.query(
        "SELECT to_jsonb(e) FROM privacy.audit_entries AS e WHERE action = 'subject.rectified'"
        " AND details ->> 'request' = %s",
        request_id,
    )
    assert (entry["outcome"], entry["actor"], entry["subject"]) == (
        *("done", "suite token", made["subject"]),
    )
    details = entry["details"]
    assert details["properties"] == ["mission_type", "xp_awarded", "missions_remaining"]
    assert (details["name"], details["event"]) == (
        *("gamification.mission.completed", made["event_uuid"]),
    )
    assert details["after"][2] == ""
    assert len({*details["before"], *details["after"]}) == 6
    # Nothing of what it said, or says now, is in journals.
    for table in ("privacy.subject_requests", "privacy.audit_entries", "enrich.erasures"):
        rows = calls.query(
            f"SELECT count(*) FROM {table} AS t WHERE strpos(to_jsonb(t)::text, %s) > 0"
            " OR strpos(to_jsonb(t)::text, %s) > 0",
            *(wrong, right),
        )
        assert rows == [(0,)], table
    shown = weir(suite.home.path, "subject", "status", *about)
    assert "rectification" in shown.stdout, shown.stdout


def test_what_may_not_be_changed_is_refused_with_the_property(calls: SuiteCalls) -> None:
    person, other = _person(calls), _person(calls)
    own, others = ids(2)
    for event, whose in ((own, person), (others, other)):
        sent = {"mission_type": "send_messages", "xp_awarded": 50, "community_id": 5}
        calls.track(APP, mission(event, subject_id=whose, properties=sent))
    before = calls.stored("event_id, properties", [own, others])

    invalid = ("INVALID_ARGUMENT", "PROPERTIES_INVALID")
    assert _refused(calls, person, own, xp_awarded="many") == (*invalid, "properties.xp_awarded")
    assert _refused(calls, person, own, xp_awarded=-1) == (*invalid, "properties.xp_awarded")
    assert _refused(calls, person, own, xp_awarded=None) == (*invalid, "properties.xp_awarded")
    assert _refused(calls, person, own, community_id=6) == (*invalid, "properties.community_id")
    # Declared by another event of the catalog, and by none.
    assert _refused(calls, person, own, mission_count=1) == (*invalid, "properties.*")
    nowhere = _refused(calls, person, own, **{person: 1})
    assert nowhere == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "changes[0].property")
    unknown = ("NOT_FOUND", "STORED_EVENT_UNKNOWN", "")
    assert _refused(calls, person, others, xp_awarded=1) == unknown
    assert _refused(calls, person, ids(1)[0], xp_awarded=1) == unknown

    assert calls.stored("event_id, properties", [own, others]) == before
    entries = calls.query(
        "SELECT details ->> 'reason', details ->> 'field' FROM privacy.audit_entries"
        " WHERE action = 'subject.rectified' AND outcome = 'failed' AND subject = %s"
        " ORDER BY occurred_at DESC LIMIT 3",
        Erasing(calls, APP)
        .call("ListRequests", pb.ListRequestsRequest(app_id=APP, subject_id=person))
        .requests[0]
        .subject,
    )
    assert entries == [
        ("STORED_EVENT_UNKNOWN", ""),
        ("STORED_EVENT_UNKNOWN", ""),
        ("PROPERTIES_INVALID", "properties.*"),
    ]


def test_a_hold_and_an_erasure_keep_events_as_they_are(calls: SuiteCalls) -> None:
    person, [event] = _person(calls), ids(1)
    calls.track(APP, mission(event, subject_id=person))
    calls.stored("event_id", [event])
    requests = Erasing(calls, APP)
    requests.call("PlaceHold", pb.PlaceHoldRequest(app_id=APP, subject_id=person, reason="case 7"))
    refused = ("FAILED_PRECONDITION", "NOT_RECTIFIABLE", "")
    assert _refused(calls, person, event, xp_awarded=1) == refused
    [failed] = requests.call(
        "ListRequests", pb.ListRequestsRequest(app_id=APP, subject_id=person)
    ).requests
    assert failed.failure == "the person's data are on hold, and stay as they are"
    assert failed.subject_id == ""
    assert calls.query(
        "SELECT outcome, details ->> 'reason' FROM privacy.audit_entries"
        " WHERE action = 'subject.rectified' AND details ->> 'request' = %s",
        failed.request_id,
    ) == [("failed", "NOT_RECTIFIABLE")]
    requests.call("ReleaseHold", pb.ReleaseHoldRequest(app_id=APP, subject_id=person))
    # Who missed that answer gets it again.
    again = _asked(person, event, request_id=failed.request_id, xp_awarded=1)
    with pytest.raises(grpc.RpcError) as repeated:
        requests.call("CreateRectification", again)
    assert reason_of(repeated.value) == refused

    # As an event that a law keeps: it is still the person's, and behind the fence of an erasure.
    [(pseudonym,)] = calls.stored("person", [event])
    with_fence = (
        "INSERT INTO enrich.fences (app_id, person, fenced_at) VALUES (%s, %s, now()) RETURNING 1"
    )
    assert calls.query(with_fence, APP, pseudonym) == [(1,)]
    assert _refused(calls, person, event, xp_awarded=1) == refused
    assert calls.stored("properties ->> 'xp_awarded'", [event]) == [("50",)]


def test_a_hold_waits_for_a_change_under_way_and_stops_a_repeated_call(calls: SuiteCalls) -> None:
    person, [event] = _person(calls), ids(1)
    calls.track(APP, mission(event, subject_id=person))
    calls.stored("event_id", [event])
    requests = Erasing(calls, APP)
    asked = _asked(person, event, request_id=str(uuid.uuid4()), xp_awarded=1)
    hold = pb.PlaceHoldRequest(app_id=APP, subject_id=person, reason="case 7")
    options = {"metadata": calls.metadata, "timeout": PATIENCE_SECONDS}
    with psycopg.connect(calls.suite.addresses.database_url) as connection:
        # Enrich asks for it in the transaction that changes the event.
        connection.execute(f"SELECT pg_advisory_xact_lock({FENCE_LOCK})".encode())
        changing = requests.stub().CreateRectification.future(asked, **options)
        eventually(lambda: _waiting(calls) == 1)
        placing = requests.stub().PlaceHold.future(hold, **options)
        eventually(lambda: _waiting(calls) == 2)
        assert not placing.done()
        changing.cancel()
        eventually(lambda: _waiting(calls) == 0)
        placing.result()
    with pytest.raises(grpc.RpcError) as refused:
        requests.call("CreateRectification", asked)
    assert reason_of(refused.value) == ("FAILED_PRECONDITION", "NOT_RECTIFIABLE", "")
    assert calls.stored("properties ->> 'xp_awarded'", [event]) == [("50",)]


def test_an_event_that_changes_meanwhile_is_read_again(calls: SuiteCalls) -> None:
    person, [event] = _person(calls), ids(1)
    calls.track(APP, mission(event, subject_id=person))
    calls.stored("event_id", [event])
    asked = _asked(person, event, request_id=str(uuid.uuid4()), xp_awarded=70)
    stub = Erasing(calls, APP).stub()
    with psycopg.connect(calls.suite.addresses.database_url) as connection:
        # Behind what enrich has read, and before it writes.
        connection.execute(f"SELECT pg_advisory_xact_lock({FENCE_LOCK})".encode())
        changing = stub.CreateRectification.future(
            asked, metadata=calls.metadata, timeout=PATIENCE_SECONDS
        )
        eventually(lambda: _waiting(calls) == 1)
        connection.execute(
            "UPDATE enrich.events SET properties = properties || '{\"xp_awarded\": 60}'"
            " WHERE event_id = %s",
            [event],
        )
    [first] = changing.result().request.rectified
    [second] = _rectify(calls, person, event, xp_awarded=60).rectified
    [third] = _rectify(calls, person, event, xp_awarded=50).rectified
    assert (first.hash_before, first.hash_after) == (second.hash_after, second.hash_before)
    assert third.hash_after not in (first.hash_before, first.hash_after)


def test_nothing_else_changes_and_an_id_of_two_events_is_refused(
    calls: SuiteCalls, tmp_path: Path
) -> None:
    person, [event] = _person(calls), ids(1)
    calls.track(APP, mission(event, subject_id=person))
    calls.stored("event_id", [event])
    # More digits than a double has.
    long = "0.12345678901234567890123"
    with_number = (
        "UPDATE enrich.events SET properties = properties || %s::jsonb WHERE event_id = %s"
        " RETURNING 1"
    )
    assert calls.query(with_number, f'{{"odd": {long}}}', event) == [(1,)]
    (tmp_path / "xp").write_text("70")
    done = weir(
        calls.suite.home.path,
        *("subject", "rectify", "--app", APP, "--subject", person, "--event", event),
        *("--property", "xp_awarded", "--value", f"@{tmp_path / 'xp'}"),
    )
    assert done.returncode == 0, done.stderr
    # With what it takes to ask the same again.
    option, request_id = done.stderr.split()
    assert (option, f"request {request_id}" in done.stdout) == ("--request-id", True)
    said = "properties ->> 'odd', properties ->> 'xp_awarded'"
    assert calls.stored(said, [event]) == [(long, "70")]

    # As an id that its sender gave again, later, with another time.
    copied = (
        "INSERT INTO enrich.events SELECT (jsonb_populate_record(e,"
        " jsonb_build_object('occurred_at', occurred_at + interval '1 second'))).*"
        " FROM enrich.events AS e WHERE event_id = %s RETURNING 1"
    )
    assert calls.query(copied, event) == [(1,)]
    try:
        ambiguous = ("FAILED_PRECONDITION", "NOT_RECTIFIABLE", "")
        assert _refused(calls, person, event, xp_awarded=1) == ambiguous
        assert calls.stored(said, [event]) == [(long, "70")] * 2
    finally:
        calls.query(
            "DELETE FROM enrich.events AS e WHERE event_id = %s AND occurred_at >"
            " (SELECT min(occurred_at) FROM enrich.events WHERE event_id = e.event_id) RETURNING 1",
            event,
        )


def test_a_sealed_property_is_sealed_again_under_the_key_of_its_person(calls: SuiteCalls) -> None:
    app, person, event = "ip_assets", new_person(), f"sealed-{uuid.uuid4()}"
    wrong, right = f"canary-{uuid.uuid4().hex}", f"canary-{uuid.uuid4().hex}"
    said = {"query": wrong, "resultCount": 3}
    calls.track(
        app,
        build_event("search_performed", event_id=event, subject_id=person, properties=said),
    )
    [(before,)] = calls.stored("properties", [event])

    # Another property of the event changes beside a value that stays sealed.
    plain = _rectify(calls, person, event, app, resultCount=4)
    [(counted,)] = calls.stored("properties", [event])
    assert counted == {"query": before["query"], "resultCount": 4}
    made = _rectify(calls, person, event, app, query=right)
    # What was asked for is hashed as it was given; what was done, as it is stored.
    assert plain.rectified[0].hash_after == _hash_of_asked(calls, plain)
    assert made.rectified[0].hash_after != _hash_of_asked(calls, made)
    assert (plain.subject_id, made.subject_id) == ("", "")

    [(properties, whose, event_uuid)] = calls.stored("properties, person, event_uuid", [event])
    assert properties["query"] != before["query"]
    assert (
        _opened(calls, app, properties["query"], Place(app, whose.bytes, event_uuid.bytes)) == right
    )
    assert files_with(calls.suite.home.path / "postgres", wrong.encode(), right.encode()) == []


def _person(calls: SuiteCalls) -> str:
    person = new_person()
    calls.record_consent(APP, person, telemetry=True)
    return person


def _rectify(
    calls: SuiteCalls, person: str, event: str, app_id: str = APP, **values: Any
) -> pb.SubjectRequest:
    """Has properties of an event changed, those with None removed; the request when it is done."""
    requests = Erasing(calls, app_id)
    asked = _asked(person, event, app_id, **values)
    return requests.done(requests.call("CreateRectification", asked).request.request_id)


def _asked(
    person: str, event: str, app_id: str = APP, *, request_id: str = "", **values: Any
) -> pb.CreateRectificationRequest:
    changes = [
        pb.PropertyChange(property=name, removed=True)
        if value is None
        else pb.PropertyChange(property=name, value_json=json.dumps(value).encode())
        for name, value in values.items()
    ]
    return pb.CreateRectificationRequest(
        app_id=app_id,
        subject_id=person,
        event_id=event,
        changes=changes,
        request_id=request_id,
    )


def _hash_of_asked(calls: SuiteCalls, request: pb.SubjectRequest) -> str:
    """What the request says that the changed property was to be."""
    [(hashed,)] = calls.query(
        "SELECT parameters -> 'properties' ->> %s FROM privacy.subject_requests WHERE request_id = %s",
        *(request.rectified[0].property, request.request_id),
    )
    return str(hashed)


def _waiting(calls: SuiteCalls) -> int:
    """How many transactions wait for an advisory lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    [(count,)] = calls.query(waiting)
    return int(count)


def _refused(calls: SuiteCalls, person: str, event: str, **values: Any) -> tuple[str, str, str]:
    with pytest.raises(grpc.RpcError) as refused:
        _rectify(calls, person, event, **values)
    return reason_of(refused.value)


def _xp(calls: SuiteCalls, mission_type: str) -> list[float]:
    """The sums of the cells of a mission's type."""
    request = aggregate_pb.QueryRollupRequest(app_id=APP, rollup="mission_completion")
    getattr(request, "from").FromDatetime(datetime.now(UTC) - timedelta(days=2))
    request.to.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    answer = stub.QueryRollup(request, metadata=calls.metadata, timeout=PATIENCE_SECONDS)
    return [
        cell.metrics["total_xp_awarded"]
        for cell in answer.cells
        if MessageToDict(cell.dimensions)["mission_type"] == mission_type
    ]


def _opened(calls: SuiteCalls, app_id: str, value: Any, place: Place) -> Any:
    sealed = read_sealed(value)
    assert sealed is not None
    stub = subject_key_service_pb2_grpc.SubjectKeyServiceStub(calls.channel("privacy"))
    asked = key_pb.GetOpeningKeysRequest(
        app_id=app_id, key_ids=[sealed.key_id], purpose="analytics", actor="test"
    )
    [key] = stub.GetOpeningKeys(asked, metadata=calls.metadata, timeout=PATIENCE_SECONDS).keys
    return DataKey(key.key_id, key.secret).open(sealed, place.of("query"))

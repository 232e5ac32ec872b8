"""What may not be collected is not stored, through the real suite and with the catalogs that ship."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from suite.supervisor import Suite
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")
ADDVALUE, COMMUNITIES = "addvalue", "unofficial_communities"


@pytest.fixture(scope="module")
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def _event(name: str, **fields: Any) -> event_pb2.Event:
    extra = fields.pop("extra", None)
    event = build_event(name, event_id=f"evt_{uuid.uuid4().hex}", **fields)
    if extra is not None:
        event.context.extra.update(extra)
    return event


def _person(calls: SuiteCalls, app_id: str, **answers: bool) -> str:
    person = str(uuid.uuid4())
    calls.record_consent(app_id, person, **answers)
    return person


def _files_with(calls: SuiteCalls, text: str) -> list[str]:
    """Of Postgres, Redis and the logs."""
    home, needle = calls.suite.home.path, text.encode()
    files = (path for path in sorted(home.rglob("*")) if path.is_file())
    return [str(path.relative_to(home)) for path in files if needle in path.read_bytes()]


def _letter(calls: SuiteCalls, app_id: str, event: event_pb2.Event) -> None:
    """Sends an event that is rejected; returns when its dead letter is stored."""
    [result] = calls.track(app_id, event).results
    assert result.verdict == pb.VERDICT_REJECTED
    statement = "SELECT 1 FROM ingest.dead_letters WHERE dead_letter_id = %s"
    eventually(lambda: calls.query(statement, result.dead_letter_id))


def test_addvalue_a_device_is_known_by_a_keyed_hash_only(calls: SuiteCalls) -> None:
    person, device = _person(calls, ADDVALUE, analytics=True), f"device{uuid.uuid4().hex}"
    sent: dict[str, Any] = {"subject_id": person, "extra": {"device_id": device}}
    events = [_event("user_login", session_id=device, **sent) for _ in range(2)]
    assert calls.track(ADDVALUE, *events).counts == pb.VerdictCounts(accepted=2)
    _letter(calls, ADDVALUE, _event("post_liked", properties={"post_id": 7}, **sent))
    rows = calls.stored(
        "context -> 'extra' ->> 'device_id', session_id", [one.event_id for one in events]
    )
    # One device, and one session, in both events.
    [(hashed, session)] = set(rows)
    assert len(bytes.fromhex(hashed)) == len(bytes.fromhex(session)) == 16
    assert hashed != session
    assert _files_with(calls, device) == []


def test_addvalue_only_what_the_definition_names_is_stored(calls: SuiteCalls) -> None:
    person, canary = _person(calls, ADDVALUE, analytics=True), f"canary{uuid.uuid4().hex}"
    context = {"platform": "ios", "page_url": canary, "user_agent": canary}
    event = _event("user_login", subject_id=person, context=context, extra={"screen": canary})
    assert calls.track(ADDVALUE, event).counts == pb.VerdictCounts(accepted=1)
    _letter(calls, ADDVALUE, _event("user_login", subject_id=person, properties={canary: canary}))
    assert calls.stored("context, properties", [event.event_id]) == [({"platform": "ios"}, {})]
    assert _files_with(calls, canary) == []


def test_addvalue_the_proof_of_a_decision_has_no_device(calls: SuiteCalls) -> None:
    person = _person(calls, ADDVALUE, analytics=False)
    context = {"platform": "ios", "app_version": "1.4.0", "ip": "198.51.100.7"}
    proof = _event(
        "user_consent_update", subject_id=person, context=context, properties={"analytics": False}
    )
    assert calls.track(ADDVALUE, proof).counts == pb.VerdictCounts(accepted=1)
    columns = "context, country, device_type, os"
    assert calls.stored(columns, [proof.event_id]) == [(None, None, None, None)]


def test_addvalue_personal_data_in_texts_is_not_stored(calls: SuiteCalls) -> None:
    person, name = _person(calls, ADDVALUE, analytics=True), f"canary{uuid.uuid4().hex}"
    words = f"write to {name}@mail.example or +49 171 1234567"
    events = [
        _event(
            "activation_affirmation_selected", subject_id=person, properties={"affirmation": text}
        )
        for text in (words, "I am 203.0.113.7 times calmer", "I breathe in, 4.7.8")
    ]
    # Their sender hears of it.
    counts = calls.track(ADDVALUE, *events).counts
    assert counts == pb.VerdictCounts(anonymized=2, accepted=1)
    stored = {
        text
        for (text,) in calls.stored(
            "properties ->> 'affirmation'", [event.event_id for event in events]
        )
    }
    assert stored == {
        "write to [email] or [phone]",
        "I am [ip] times calmer",
        "I breathe in, 4.7.8",
    }
    misspelt = _event("activation_mood_logged", subject_id=person, properties={"phase": words})
    _letter(calls, ADDVALUE, misspelt)
    assert _files_with(calls, name) == []


def test_communities_no_content_of_whatsapp_is_stored_even_if_it_is_sent(
    calls: SuiteCalls,
) -> None:
    person = _person(calls, COMMUNITIES, whatsapp_activity=True, telemetry=True)
    content = f"canary{uuid.uuid4().hex}"
    counted = {"community_id": 1, "timestamp_bucket": "2026-01-14"}
    around: dict[str, Any] = {
        "subject_id": person,
        "producer": event_pb2.PRODUCER_WEBHOOKS,
        "context": {"page_url": content},
        "attribution": {"content": content},
        "extra": {"text": content},
    }
    kept = _event("whatsapp.message.sent", properties=counted, **around)
    assert calls.track(COMMUNITIES, kept).counts == pb.VerdictCounts(accepted=1)
    for name, properties in (
        ("whatsapp.message.sent", {**counted, "text": content}),
        ("whatsapp.message.sent", {**counted, "timestamp_bucket": content}),
        ("whatsapp.member.joined", {"community_id": 1, "joined_via": f"{content} {content}"}),
        # Its name is misspelt, and the person granted every purpose.
        ("whatsapp.mesage.sent", {"text": content}),
    ):
        _letter(calls, COMMUNITIES, _event(name, properties=properties, **around))
    stored = calls.stored_of_day("context, properties", COMMUNITIES, kept.event_id)
    assert stored == [(None, counted)]
    assert _files_with(calls, content) == []

"""What the requirement documents say is kept of their events, and of whom: through the real suite."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from weir.aggregate.v1 import aggregate_service_pb2_grpc, event_query_pb2
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2 as privacy_pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from libs.catalog import to_envelope
from suite.supervisor import Suite
from tests.support.documents.event_names import ADDVALUE, MLC_LMS
from tests.support.documents.examples import example
from tests.support.documents.shipped import catalogs
from tests.support.suite_calls import SuiteCalls, suite_calls
from weir_client import build_event, event_from_envelope

pytestmark = pytest.mark.xdist_group("suite")
UNASKED = "user_consent_update"
DEVELOPMENT = event_pb2.ENVIRONMENT_DEVELOPMENT


@pytest.fixture(scope="module")
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def _id() -> str:
    # No UUID, so that `stored` finds it.
    return f"evt_{uuid.uuid4().hex}"


def _kept(
    calls: SuiteCalls, app_id: str, document: Mapping[str, object], columns: str
) -> tuple[Any, ...]:
    """Sends an event as the document writes it; returns the columns of its row."""
    catalog = catalogs()[app_id]
    event = event_from_envelope(to_envelope(catalog, document), event_id=_id())
    assert calls.track(app_id, event).counts == pb.VerdictCounts(accepted=1)
    [row] = calls.stored(columns, [event.event_id])
    return row


def _context(*names: str) -> str:
    return ", ".join(f"context ->> '{name}'" for name in names)


def test_communities_a_system_event_holds_nothing_of_a_person(calls: SuiteCalls) -> None:
    event_id = _id()
    document = {
        "event_name": "system.startup",
        "source": "server",
        "environment": "production",
        "event_id": event_id,
        "identity_id": 12345,
        "anonymous_id": "a1b2c3d4e5f6",
        "session_id": "3f2a",
        "properties": {"service": "world", "version": "3.9.0"},
    }
    envelope = to_envelope(catalogs()["unofficial_communities"], document)
    response = calls.track("unofficial_communities", event_from_envelope(envelope))
    # Its sender hears of it.
    assert response.counts == pb.VerdictCounts(anonymized=1)
    columns = "subject_id, anonymous_id, person, session_id, properties"
    assert calls.stored(columns, [event_id]) == [
        (None, None, None, None, {"service": "world", "version": "3.9.0"})
    ]


def test_communities_a_session_is_stored_as_a_hash_and_stays_one_session(
    calls: SuiteCalls,
) -> None:
    session, agrees, asks_nobody = f"s-{uuid.uuid4().hex}", uuid.uuid4().hex, uuid.uuid4().hex
    calls.record_consent("unofficial_communities", agrees, telemetry=True)
    now = datetime.now(UTC)
    moments = [now - timedelta(minutes=minutes) for minutes in (9, 4, 0)]
    events = [
        build_event(name, event_id=_id(), session_id=session, subject_id=who, occurred_at=moment)
        for name, who, moment in (
            ("community.invite.used", agrees, moments[0]),
            ("community.invite.used", asks_nobody, moments[1]),
            ("user.logout.completed", asks_nobody, moments[2]),
        )
    ]
    counts = calls.track("unofficial_communities", *events).counts
    assert counts == pb.VerdictCounts(accepted=2, anonymized=1)
    ids = [event.event_id for event in events]
    rows = calls.stored("session_id, session_started_at", ids)
    [(hashed, started)] = set(rows)
    assert len(rows) == 3
    assert started == moments[0]
    assert hashed != session
    assert len(bytes.fromhex(hashed)) == 16


def test_mlc_lms_the_standard_properties_of_an_event_are_kept(calls: SuiteCalls) -> None:
    calls.record_consent("mlc_lms", "usr_12345", "from_13")
    event_id = _id()
    about = {"event_id": event_id, "event_type": "menu_click", "user_id": "usr_12345"}
    document = {
        **about,
        "timestamp": "2025-01-27T14:30:45.123Z",
        "session_id": "sess_67890abcdef",
        "organization_id": "org_54321",
        "device_info": {
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0",
            "platform": "tablet",
            "timezone": "America/Sao_Paulo",
        },
        "context": {
            "page_url": "/student/assignment-play",
            "referrer": "/student/dashboard",
            "assignment_id": "asg_789",
            "sequence_id": "seq_456",
            "class_id": "cls_7",
            "teacher_id": "tch_1",
        },
    }
    columns = "event_id, name, occurred_at, subject_id, session_id, group_id"
    moment = datetime(2025, 1, 27, 14, 30, 45, 123_000, tzinfo=UTC)
    assert _kept(calls, "mlc_lms", document, columns) == (
        *(event_id, "menu_click", moment),
        *("usr_12345", "sess_67890abcdef", "org_54321"),
    )
    device = _context("user_agent", "platform", "timezone")
    assert calls.stored(device, [event_id]) == [tuple(document["device_info"].values())]  # type: ignore[attr-defined]
    place = _context(
        "page_url", "referrer", "assignment_id", "sequence_id", "class_id", "teacher_id"
    )
    assert calls.stored(place, [event_id]) == [tuple(document["context"].values())]  # type: ignore[attr-defined]


def test_mlc_lms_the_example_is_stored_with_all_of_its_values(calls: SuiteCalls) -> None:
    # Other modules send the example under its own id.
    event_id = _id()
    document: dict[str, Any] = example("mlc_lms", "Event Core Schema") | {"event_id": event_id}
    calls.record_consent("mlc_lms", "usr_12345", "from_13")
    event = event_from_envelope(to_envelope(catalogs()["mlc_lms"], document), event_id=event_id)
    assert calls.track("mlc_lms", event).counts == pb.VerdictCounts(accepted=1)
    columns = "name, subject_id, session_id, group_id, privacy_level, retention_class, properties"
    assert calls.stored(columns, [event.event_id]) == [
        (
            *("game_stage_complete", "usr_12345", "sess_67890abcdef", "org_54321"),
            # Seven years are the document's 2555 days.
            *("standard", "7y", document["properties"]),
        )
    ]
    [(moment, context)] = calls.stored("occurred_at, context", [event.event_id])
    assert moment == datetime(2025, 1, 27, 14, 30, 45, 123_000, tzinfo=UTC)
    assert context == {
        "user_agent": "Mozilla/5.0...",
        "platform": "desktop",
        **document["context"],
        "extra": {"device_info": {"browser": "chrome", "version": "120.0.0.0"}},
    }


@pytest.mark.parametrize(
    "absent", [{}, {"user_id": None, "session_id": None, "organization_id": None}]
)
def test_mlc_lms_an_event_of_no_person_session_or_organization_is_kept(
    calls: SuiteCalls, absent: dict[str, None]
) -> None:
    context = {"page_url": "/", "referrer": None, "assignment_id": None, "teacher_id": None}
    document = {
        "event_type": "cdn_status",
        "timestamp": "2025-01-27T14:30:45.123Z",
        **absent,
        "context": context,
    }
    columns = "name, subject_id, session_id, group_id, context"
    assert _kept(calls, "mlc_lms", document, columns) == (
        *("cdn_status", None, None, None),
        {"page_url": "/"},
    )


def test_mlc_lms_an_answer_decides_over_the_events_of_its_category(calls: SuiteCalls) -> None:
    """User interaction, learning progress, system performance, business intelligence: each has its
    answer. The catalog says in words why some events ask for none."""
    groups = {
        "user_interaction": MLC_LMS[:15],
        "learning_progress": MLC_LMS[15:28],
        "system_performance": MLC_LMS[28:38],
        "business_intelligence": MLC_LMS[38:],
    }
    contract = ("subscription_created", "subscription_updated", "payment_processed")
    support = ("support_ticket_created", "support_ticket_resolved")
    health = ("service_health_check", "database_connection", "cdn_status")
    unasked = {*contract, *support, *health}
    grounds = catalogs()["mlc_lms"].events
    assert all(grounds[name].category.legal_ground for name in unasked)
    properties = {
        "game_id": "G-01542",
        "stage_id": "G-01542-quiz",
        "score": 87,
        "load_time_ms": 1_250,
        "response_time_ms": 150,
    }
    for refused, names in groups.items():
        person = f"usr_{uuid.uuid4().hex}"
        calls.record_consent("mlc_lms", person, "from_13", **{refused: False})
        events = [
            build_event(name, subject_id=person, properties=properties, environment=DEVELOPMENT)
            for name in MLC_LMS
        ]
        response = calls.track("mlc_lms", *events)
        anonymized = {
            events[result.index].name
            for result in response.results
            if result.verdict == pb.VERDICT_ANONYMIZED
        }
        # Whatever is answered, events about parts of the platform have no person.
        assert anonymized == (set(names) - unasked) | set(health)
        assert response.counts.accepted == len(MLC_LMS) - len(anonymized)


@pytest.mark.parametrize("producer", ["api", "job"])
def test_addvalue_a_back_end_sends_all_events_under_its_own_name(
    calls: SuiteCalls, producer: str
) -> None:
    person = str(uuid.uuid4())
    calls.record_consent("addvalue", person, analytics=True)
    number = event_pb2.Producer.Value(f"PRODUCER_{producer.upper()}")
    events = [
        build_event(name, event_id=_id(), subject_id=person, producer=number) for name in ADDVALUE
    ]
    before = datetime.now(UTC)
    assert calls.track("addvalue", *events).counts == pb.VerdictCounts(accepted=25)
    after = datetime.now(UTC)
    rows = calls.stored("name, producer, received_at", [event.event_id for event in events])
    assert sorted(row[:2] for row in rows) == sorted((name, producer) for name in ADDVALUE)
    # The server's own time, beside the event's.
    assert all(before <= row[2] <= after for row in rows)


@pytest.mark.parametrize("named", [True, False])
def test_addvalue_nothing_of_a_person_who_has_not_agreed_is_kept(
    calls: SuiteCalls, named: bool
) -> None:
    person, session = str(uuid.uuid4()), uuid.uuid4().hex
    # Another purpose is no consent to this one.
    calls.record_consent("addvalue", person, personalization=True, marketing=True)
    who: dict[str, Any] = {"subject_id": person} if named else {"session_id": session}
    events = [build_event(name, event_id=_id(), **who) for name in ADDVALUE if name != UNASKED]
    events.append(build_event("post_liked", event_id=_id(), properties={"post_id": 7}, **who))
    assert calls.track("addvalue", *events).counts == pb.VerdictCounts(dropped=25)
    # Stored after all that was sent before it, so they would be there by now.
    proof = build_event(UNASKED, event_id=_id(), **who)
    assert calls.track("addvalue", proof).counts == pb.VerdictCounts(accepted=1)
    calls.stored("name", [proof.event_id])
    ids = [event.event_id for event in events]
    assert calls.query("SELECT 1 FROM enrich.events WHERE event_id = ANY(%s)", ids) == []
    assert calls.query("SELECT 1 FROM ingest.dead_letters WHERE event_id = ANY(%s)", ids) == []


def test_addvalue_each_purpose_has_an_answer_of_its_own(calls: SuiteCalls) -> None:
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(calls.channel("privacy"))
    person = str(uuid.uuid4())

    def decisions() -> list[str]:
        return [
            privacy_pb.Decision.Name(
                stub.CheckConsent(
                    privacy_pb.CheckConsentRequest(
                        app_id="addvalue", subject_id=person, purpose=purpose
                    ),
                    metadata=calls.metadata,
                ).decision
            ).removeprefix("DECISION_")
            for purpose in ("analytics", "personalization", "marketing")
        ]

    # Before any answer, each purpose counts as refused.
    assert decisions() == ["DROP", "DROP", "DROP"]
    calls.record_consent("addvalue", person, personalization=True)
    assert decisions() == ["DROP", "ALLOW", "DROP"]
    calls.record_consent("addvalue", person, analytics=True, marketing=True)
    assert decisions() == ["ALLOW", "ALLOW", "ALLOW"]
    calls.record_consent("addvalue", person, marketing=False)
    assert decisions() == ["ALLOW", "ALLOW", "DROP"]


def test_addvalue_an_address_loses_its_last_octet(calls: SuiteCalls) -> None:
    person, address = str(uuid.uuid4()), {"ip": "203.0.113.77"}
    calls.record_consent("addvalue", person, analytics=True, personalization=True)
    document = {"event_name": "user_login", "user_id": person, "context": address}
    assert _kept(calls, "addvalue", document, _context("ip")) == ("203.0.113.0",)


@pytest.mark.parametrize("said", [{}, {"consent_given": True, "ip_anonymized": False}])
def test_addvalue_what_a_sender_says_of_privacy_is_kept_and_no_address_is_whole(
    calls: SuiteCalls, said: dict[str, bool]
) -> None:
    person = str(uuid.uuid4())
    calls.record_consent("addvalue", person, analytics=True)
    document = {"event_name": "user_login", "user_id": person, "privacy": said}
    # Ours to say, and true, whatever the sender says of it.
    flags = (said.get("consent_given"), True)
    assert _kept(calls, "addvalue", document, "consent_given, ip_anonymized") == flags


def test_addvalue_consent_in_the_message_itself_is_kept_too(calls: SuiteCalls) -> None:
    person = str(uuid.uuid4())
    calls.record_consent("addvalue", person, analytics=True)
    sender: dict[str, Any] = {"subject_id": person, "environment": DEVELOPMENT}
    given = build_event("user_login", event_id=_id(), consent_given=True, **sender)
    withheld = build_event("user_login", event_id=_id(), consent_given=False, **sender)
    counts = calls.track("addvalue", given, withheld).counts
    assert counts == pb.VerdictCounts(accepted=1, dropped=1)
    assert calls.stored("consent_given, ip_anonymized", [given.event_id]) == [(True, True)]


def test_social_live_an_event_keeps_what_the_table_of_the_document_lists(
    calls: SuiteCalls,
) -> None:
    event_id = _id()
    document = {
        "eventId": event_id,
        "eventType": "view",
        "userId": "user-123",
        "sessionId": "session-456",
        "timestamp": "2024-01-01T12:00:00Z",
        "schemaVersion": "1.0.0",
        "platform": "mobile",
        "userAgent": "SocialLive/2.1 (Android 14)",
        "ipAddress": "203.0.113.77",
        "data": {"contentType": "post", "contentId": "post-123", "viewDuration": 45},
    }
    columns = "event_id, name, subject_id, session_id, occurred_at, schema_version, properties"
    assert _kept(calls, "social_live", document, columns) == (
        *(event_id, "view", "user-123", "session-456"),
        datetime(2024, 1, 1, 12, tzinfo=UTC),
        *("1.0.0", document["data"]),
    )
    # No address is stored as it came.
    assert calls.stored(_context("platform", "user_agent", "ip"), [event_id]) == [
        ("mobile", "SocialLive/2.1 (Android 14)", "203.0.113.0")
    ]
    [(own_id,)] = calls.stored("event_uuid", [event_id])
    assert isinstance(own_id, uuid.UUID)


def test_ip_assets_a_user_agent_in_the_props_says_the_device(calls: SuiteCalls) -> None:
    """The document's example, by RPC and without a word about it in the context."""
    agent = (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/120.0.0.0 Safari/537.36"
    )
    event = build_event("asset_viewed", event_id=_id(), properties={"userAgent": agent})
    assert calls.track("ip_assets", event).counts == pb.VerdictCounts(accepted=1)
    assert calls.stored("device_type, os, properties", [event.event_id]) == [
        ("desktop", "macOS", {"userAgent": agent})
    ]
    # What was found is beside the props, and both are read by the event's id.
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = event_query_pb2.ListEventsRequest(
        app_id="ip_assets", filter=f"event_id = {event.event_id}"
    )
    [found] = stub.ListEvents(request, metadata=calls.metadata).events
    assert (found.device_type, found.os) == ("desktop", "macOS")
    assert dict(found.properties) == {"userAgent": agent}

"""Each way in which an event may be refused, with its reason and field; what is filled in; sampling."""

from typing import Any
from zlib import crc32

import pytest
from weir.common.v1 import event_pb2

from services.ingest.intake.clock_check import ClockCheck
from services.ingest.intake.model import Rejection, Screening, Verdict
from services.ingest.intake.sampling import sampled_out
from tests.support.chess_catalog import chess
from tests.support.clocks import NOW_US
from tests.support.events import event_at
from tests.support.screening import screened_frame

DAY_US = 24 * 3600 * 1_000_000


def _event(occurred_at_us: int = NOW_US, **fields: Any) -> event_pb2.Event:
    return event_at(occurred_at_us, **fields)


def _screen(*events: event_pb2.Event) -> Screening:
    return screened_frame(chess(), NOW_US, *events).screening


def _refusal(event: event_pb2.Event) -> Rejection:
    screening = _screen(event)
    assert screening.passed == []
    [rejected] = screening.rejected
    return rejected.rejection


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"event_id": ""}, "FIELD_INVALID", "event_id"),
        ({"event_id": "x" * 129}, "FIELD_INVALID", "event_id"),
        ({"event_id": "a b"}, "FIELD_INVALID", "event_id"),
        ({"event_id": "a\nb"}, "FIELD_INVALID", "event_id"),
        ({"event_id": "a\x00"}, "FIELD_INVALID", "event_id"),
        ({"event_id": "a\u00a0b"}, "FIELD_INVALID", "event_id"),
        ({"event_id": "a\u202eb"}, "FIELD_INVALID", "event_id"),
        ({"name": "game.unknown"}, "EVENT_UNKNOWN", "name"),
        ({"name": ""}, "EVENT_UNKNOWN", "name"),
        ({"occurred_at_us": NOW_US + 601 * 1_000_000}, "CLOCK_OUT_OF_RANGE", "occurred_at"),
        ({"occurred_at_us": NOW_US - 366 * DAY_US}, "CLOCK_OUT_OF_RANGE", "occurred_at"),
        ({"occurred_at_us": 0}, "CLOCK_OUT_OF_RANGE", "occurred_at"),
        ({"producer": event_pb2.PRODUCER_FRONTEND}, "PRODUCER_NOT_ALLOWED", "producer"),
        ({"producer": 99}, "PRODUCER_NOT_ALLOWED", "producer"),
        ({"environment": 99}, "FIELD_INVALID", "environment"),
        ({"privacy_level": 99}, "FIELD_INVALID", "privacy_level"),
        ({"subject_id": "x" * 129}, "FIELD_INVALID", "subject_id"),
        ({"subject_id": "\x00ready"}, "FIELD_INVALID", "subject_id"),
        ({"anonymous_id": "a\x1b[31m"}, "FIELD_INVALID", "anonymous_id"),
        ({"session_id": "x" * 129}, "FIELD_INVALID", "session_id"),
        ({"group_id": "a\nb"}, "FIELD_INVALID", "group_id"),
        ({"request_id": "x" * 129}, "FIELD_INVALID", "request_id"),
        ({"entity": {"type": "game\x00"}}, "FIELD_INVALID", "entity.type"),
        ({"entity": {"id": "x" * 129}}, "FIELD_INVALID", "entity.id"),
        ({"schema_version": "9.9.9"}, "SCHEMA_VERSION_UNKNOWN", "schema_version"),
        ({"properties_json": b"[]"}, "PROPERTIES_INVALID", "properties"),
        ({"properties_json": b"{}"}, "PROPERTIES_INVALID", "properties.moves"),
        ({"properties_json": b'{"moves":-1}'}, "PROPERTIES_INVALID", "properties.moves"),
        ({"properties_json": b'{"moves":"3"}'}, "PROPERTIES_INVALID", "properties.moves"),
        ({"properties_json": b'{"moves":3,"player":[1]}'}, "FIELD_INVALID", "properties.player"),
    ],
)
def test_a_refusal_names_the_reason_and_the_field(
    fields: dict[str, Any], reason: str, field: str
) -> None:
    rejection = _refusal(_event(**fields))
    assert (rejection.reason, rejection.field) == (reason, field)


def test_a_missing_time_is_called_missing() -> None:
    event = _event()
    event.ClearField("occurred_at")
    assert _refusal(event) == Rejection("FIELD_INVALID", "occurred_at", "is missing")


@pytest.mark.parametrize("nanos", [-1, 1_000_000_000, 2**31 - 1])
def test_nanoseconds_have_their_range(nanos: int) -> None:
    event = _event()
    event.occurred_at.nanos = nanos
    assert _refusal(event).field == "occurred_at"


def test_a_refusal_does_not_quote_the_value() -> None:
    secret = "ann@example.org"
    for fields in (
        {"event_id": secret + "\n"},
        {"name": secret},
        {"subject_id": secret + "\x00"},
        {"schema_version": secret},
        {"properties_json": b'{"moves":"ann@example.org"}'},
        {"properties_json": b'{"moves":1,"player":["ann@example.org"]}'},
    ):
        assert "example" not in _refusal(_event(**fields)).message


def test_one_bad_event_does_not_hurt_its_neighbours() -> None:
    screening = _screen(_event(event_id="a"), _event(name="?"), _event(event_id="c"))
    assert [candidate.position for candidate in screening.passed] == [0, 2]
    assert [rejected.position for rejected in screening.rejected] == [1]


def test_all_that_may_be_long_is_at_its_longest() -> None:
    longest = "x" * 128
    event = _event(event_id="é" * 128, subject_id=longest, group_id=longest, request_id=longest)
    event.entity.id = longest
    assert len(_screen(event).passed) == 1


def test_the_first_producer_is_assumed() -> None:
    event = _event()
    _screen(event)
    assert event.producer == event_pb2.PRODUCER_SERVER


def test_the_newest_version_is_assumed_and_an_older_one_can_be_named() -> None:
    newest, older = _event(), _event(event_id="e2", schema_version="1.0.0")
    passed = _screen(newest, older).passed
    assert [candidate.version.version for candidate in passed] == ["1.1.0", "1.0.0"]


@pytest.mark.parametrize(
    ("raw", "subject_id"),
    [(b'"bob"', "bob"), (b"12345", "12345"), (b"null", ""), (b'""', "")],
)
def test_a_person_among_the_properties_is_lifted(raw: bytes, subject_id: str) -> None:
    event = _event(properties_json=b'{"moves":1,"player":%s}' % raw)
    [candidate] = _screen(event).passed
    assert (candidate.subject_id, event.subject_id) == (subject_id, subject_id)


def test_the_envelopes_person_and_group_go_first() -> None:
    event = _event(
        subject_id="ann", group_id="g1", properties_json=b'{"moves":1,"player":"bob","club":"g2"}'
    )
    _screen(event)
    assert (event.subject_id, event.group_id) == ("ann", "g1")


@pytest.mark.parametrize(
    ("raw", "group_id"),
    [(b"7", "7"), (b'"g"', "g"), (b"true", ""), (b'{"a":1}', ""), (b'"%s"' % (b"x" * 3000), "")],
)
def test_a_group_among_the_properties_is_lifted_where_it_can_be_an_id(
    raw: bytes, group_id: str
) -> None:
    event = _event(properties_json=b'{"moves":1,"club":%s}' % raw)
    _screen(event)
    assert event.group_id == group_id


@pytest.mark.parametrize(
    ("level", "asked", "kept_days"),
    [
        ("UNSPECIFIED", 0, 90),
        ("STANDARD", 0, 90),
        ("STANDARD", 45, 45),
        ("STANDARD", 400, 90),
        ("SENSITIVE", 0, 30),
        ("SENSITIVE", 10, 10),
        ("SENSITIVE", 60, 30),
        ("PII", 0, 7),
    ],
)
def test_a_sender_can_only_tighten_the_retention(level: str, asked: int, kept_days: int) -> None:
    number = event_pb2.PrivacyLevel.Value(f"PRIVACY_LEVEL_{level}")
    event = _event(privacy_level=number, retention_days=asked)
    _screen(event)
    assert event.retention_days == kept_days


def test_sampling_keeps_its_share_and_answers_alike_for_a_resend() -> None:
    ids = [f"event-{number}" for number in range(20_000)]
    kept = [event_id for event_id in ids if not sampled_out(event_id, 0.25)]
    # Four standard deviations of a binomial distribution: sqrt(20000 * 0.25 * 0.75) = 61.
    assert abs(len(kept) - 5_000) < 245
    assert kept == [event_id for event_id in ids if not sampled_out(event_id, 0.25)]
    # What a small share keeps, a larger one keeps too.
    assert all(not sampled_out(event_id, 0.5) for event_id in kept)
    assert not any(sampled_out(event_id, 1.0) for event_id in ids)
    assert all(sampled_out(event_id, 0.0) for event_id in ids)


def test_sampling_is_by_environment() -> None:
    gone = next(f"e{n}" for n in range(100) if crc32(f"e{n}".encode()) >= 2**30)
    touched: dict[str, Any] = {"event_id": gone, "name": "piece.touched", "properties_json": b"{}"}
    production = _event(**touched, environment=event_pb2.ENVIRONMENT_PRODUCTION)
    unsaid = _event(**touched)
    staging = _event(**touched, environment=event_pb2.ENVIRONMENT_STAGING)
    frame = screened_frame(chess(), NOW_US, production, unsaid, staging)
    assert frame.outcome.verdicts[:2] == [Verdict.SAMPLED] * 2
    assert [candidate.position for candidate in frame.screening.passed] == [2]


def test_the_clocks_edges_are_inside() -> None:
    check = ClockCheck(chess().clock, NOW_US)
    latest, earliest = NOW_US + 600_000_000, NOW_US - 365 * DAY_US
    assert check.violation(latest) is None
    assert check.violation(earliest) is None
    assert "future" in str(check.violation(latest + 1))
    assert "back" in str(check.violation(earliest - 1))


def test_without_a_limit_any_age_since_2000_will_do() -> None:
    policy = chess().clock.__class__(max_future_seconds=0, max_age_days=None)
    check = ClockCheck(policy, NOW_US)
    assert check.violation(946_684_800_000_000) is None  # 2000-01-01T00:00:00Z
    assert check.violation(946_684_799_999_999) == "lies before 2000"
    assert check.violation(NOW_US) is None
    assert check.violation(NOW_US + 1) is not None

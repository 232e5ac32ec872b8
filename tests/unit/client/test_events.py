"""Making events."""

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from weir.common.v1 import event_pb2

from weir_client import build_event, event_from_envelope

NOW = datetime(2026, 5, 1, 12, 0, 0, 123_456, tzinfo=UTC)


def test_an_event_has_an_id_and_a_time_of_its_own() -> None:
    first, second = build_event("view"), build_event("view")
    assert first.event_id != second.event_id
    assert uuid.UUID(first.event_id).version == 7
    assert abs(first.occurred_at.ToDatetime(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    assert first.properties_json == b"{}"


def test_integers_of_properties_stay_integers() -> None:
    event = build_event("view", properties={"n": 2**60, "x": 0.1}, occurred_at=NOW)
    assert orjson.loads(event.properties_json) == {"n": 2**60, "x": 0.1}
    assert event.occurred_at.ToDatetime(tzinfo=UTC) == NOW


@pytest.mark.parametrize("days", [30, 30.0, "30"])
def test_days_of_retention_may_come_in_any_form(days: object) -> None:
    assert event_from_envelope({"name": "view", "retention_days": days}).retention_days == 30


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        build_event("view", occurred_at=datetime(2026, 5, 1))


def test_every_field_of_an_envelope_finds_its_place() -> None:
    event = event_from_envelope(
        {
            "event_id": "evt 1",
            "name": "view",
            "schema_version": "1.1.0",
            "occurred_at": "2026-05-01T14:00:00.123456+02:00",
            "producer": "webhooks",
            "environment": "staging",
            "subject_id": 42,
            "session_id": "s",
            "group_id": "g",
            "entity": {"type": "post", "id": "p1"},
            "attribution": {"source": "google"},
            "context": {"ip": "1.2.3.4", "extra": {"fps": 60}},
            "privacy_level": "pii",
            "retention_days": 30,
            "properties": {"a": [1, None]},
        }
    )
    assert event == event_pb2.Event(
        event_id="evt 1",
        name="view",
        schema_version="1.1.0",
        occurred_at=build_event("x", occurred_at=NOW).occurred_at,
        producer=event_pb2.PRODUCER_WEBHOOKS,
        environment=event_pb2.ENVIRONMENT_STAGING,
        subject_id="42",
        session_id="s",
        group_id="g",
        entity=event_pb2.Entity(type="post", id="p1"),
        attribution=event_pb2.Attribution(source="google"),
        context=event_pb2.Context(ip="1.2.3.4", extra={"fps": 60}),
        privacy_level=event_pb2.PRIVACY_LEVEL_PII,
        retention_days=30,
        properties_json=b'{"a":[1,null]}',
    )


def test_what_an_envelope_lacks_is_given() -> None:
    event = event_from_envelope({"name": "view"}, event_id="mine", now=NOW)
    assert event.event_id == "mine"
    assert event.occurred_at.ToDatetime(tzinfo=UTC) == NOW
    # An id of its own goes first.
    assert (
        event_from_envelope({"name": "view", "event_id": "own"}, event_id="mine").event_id == "own"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2016-04-27", datetime(2016, 4, 27, tzinfo=UTC)),
        ("2016-04-27T10:00:00", datetime(2016, 4, 27, 10, tzinfo=UTC)),
        ("2016-04-27T10:00:00Z", datetime(2016, 4, 27, 10, tzinfo=UTC)),
        (
            "2016-04-27T10:00:00-03:00",
            datetime(2016, 4, 27, 10, tzinfo=timezone(timedelta(hours=-3))),
        ),
    ],
)
def test_times_without_a_zone_are_utc(text: str, expected: datetime) -> None:
    event = event_from_envelope({"name": "view", "occurred_at": text})
    assert event.occurred_at.ToDatetime(tzinfo=UTC) == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"occurred_at": "yesterday"}, "occurred_at: not an ISO"),
        ({"occurred_at": None}, "occurred_at: not an ISO"),
        ({"occurred_at": "0001-01-01T00:00:00+05:00"}, "occurred_at: not an ISO"),
        ({"producer": "moon"}, "producer: not a known value"),
        ({"environment": "dream"}, "environment: not a known value"),
        ({"retention_days": "abc"}, "retention_days: must be a whole number"),
        ({"retention_days": 1.5}, "retention_days: must be a whole number"),
        ({"retention_days": -1}, "retention_days: must be a whole number"),
        ({"retention_days": 2**32}, "retention_days: must be a whole number"),
        ({"retention_days": [30]}, "retention_days: must be a whole number"),
        ({"entity": "post"}, "entity: must be an object"),
        ({"entity": {"kind": "post"}}, "entity.kind: there is no such field"),
        ({"entity": {"type": "\ud800"}}, "entity.type: has characters"),
        ({"attribution": ["google"]}, "attribution: must be an object"),
        ({"context": "mobile"}, "context: must be an object"),
        ({"context": {"speed": 3}}, "context.speed: there is no such field"),
        ({"context": {"extra": "fast"}}, "context.extra: must be an object"),
        ({"context": {"extra": {"fps": object()}}}, "context.extra: must be an object of JSON"),
        ({"context": {"extra": {1: 2}}}, "context.extra: must be an object of JSON"),
        ({"context": {"extra": {"name": "\ud800"}}}, "context.extra: must be an object of JSON"),
        ({"subject_id": "\ud800"}, "subject_id: has characters"),
        ({"properties": {"name": "\ud800"}}, "properties: "),
    ],
)
def test_what_cannot_be_converted_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(said)}"):
        event_from_envelope({"name": "view", **wrong})


def test_what_is_null_is_absent() -> None:
    envelope = {
        "event_id": None,
        "name": "view",
        "subject_id": None,
        "retention_days": None,
        "entity": {"type": "post", "id": None},
        "context": {"ip": None, "extra": None},
    }
    event = event_from_envelope(envelope, event_id="mine", now=NOW)
    lean = {"name": "view", "entity": {"type": "post"}, "context": {"extra": {}}}
    assert event == event_from_envelope(lean, event_id="mine", now=NOW)
    assert event.subject_id == ""


@pytest.mark.parametrize(
    ("said", "given"), [(False, False), (True, True), ("false", False), ("TRUE", True)]
)
def test_what_a_sender_says_of_consent(said: object, given: bool) -> None:
    event = event_from_envelope({"name": "view", "consent_given": said})
    assert event.HasField("consent_given")
    assert event.consent_given is given


def test_a_sender_need_not_say_anything_of_consent() -> None:
    assert not event_from_envelope({"name": "view"}).HasField("consent_given")
    with pytest.raises(ValueError, match="consent_given: must be true or false"):
        event_from_envelope({"name": "view", "consent_given": "no"})

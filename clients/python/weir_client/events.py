"""Making events: from keyword arguments, or from an envelope dict."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from weir.common.v1 import event_pb2

from weir_client.ids import new_event_id
from weir_client.properties import properties_json

_TEXT_FIELDS = (
    "event_id",
    "name",
    "schema_version",
    "subject_id",
    "anonymous_id",
    "session_id",
    "group_id",
    "idempotency_key",
    "request_id",
)


def build_event(
    name: str,
    *,
    properties: Mapping[str, Any] | None = None,
    event_id: str = "",
    occurred_at: datetime | None = None,
    **fields: Any,
) -> event_pb2.Event:
    """An event that happened now unless `occurred_at` (timezone-aware) says otherwise, with a new UUIDv7
    unless `event_id` is given. `fields` are other fields of `weir.common.v1.Event`.

    Raises ValueError for a naive `occurred_at`, ValueError or TypeError for properties that JSON cannot
    express.
    """
    if occurred_at is not None and occurred_at.tzinfo is None:
        raise ValueError("occurred_at must have a time zone")
    event = event_pb2.Event(
        event_id=event_id or new_event_id(),
        name=name,
        properties_json=properties_json(properties or {}),
        **fields,
    )
    _set_time(event, occurred_at)
    return event


def event_from_envelope(
    envelope: Mapping[str, Any], *, event_id: str = "", now: datetime | None = None
) -> event_pb2.Event:
    """An event from its JSON form: `{"name": ..., "occurred_at": "2026-05-01T12:00:00Z", ...}`, with the
    fields of `weir.common.v1.Event` and `properties` as an object; null is as good as absent, except for
    `occurred_at`. `event_id` and `now` are used if the envelope has none.

    Raises ValueError naming the field that cannot be converted, and TypeError for properties that JSON
    cannot express.
    """
    event = event_pb2.Event()
    for name in _TEXT_FIELDS:
        if (value := envelope.get(name)) is not None:
            _set_text(event, name, name, value)
    if not event.event_id:
        event.event_id = event_id or new_event_id()
    event.properties_json = properties_json(envelope.get("properties") or {})
    if "occurred_at" in envelope:
        event.occurred_at.CopyFrom(_timestamp(envelope["occurred_at"]))
    else:
        _set_time(event, now)
    for name, prefix in (
        ("producer", "PRODUCER"),
        ("environment", "ENVIRONMENT"),
        ("privacy_level", "PRIVACY_LEVEL"),
    ):
        if value := envelope.get(name):
            _set_enum(event, name, f"{prefix}_{str(value).upper()}")
    if (given := envelope.get("consent_given")) is not None:
        event.consent_given = _truth("consent_given", given)
    if days := envelope.get("retention_days"):
        _set_days(event, days)
    for name in ("entity", "attribution"):
        if values := envelope.get(name):
            _set_texts(getattr(event, name), name, _object(name, values))
    if context := envelope.get("context"):
        values = dict(_object("context", context))
        extra = values.pop("extra", None)
        _set_texts(event.context, "context", values)
        if extra:
            event.context.extra.CopyFrom(_struct("context.extra", extra))
    return event


def _set_time(event: event_pb2.Event, moment: datetime | None) -> None:
    if moment is None:
        # A sixth of what the way over a datetime takes.
        now = event.occurred_at
        now.seconds, now.nanos = divmod(time.time_ns(), 1_000_000_000)
    else:
        event.occurred_at.FromDatetime(moment)


def _set_texts(message: Any, path: str, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if key not in message.DESCRIPTOR.fields_by_name:
            raise ValueError(f"{path}.{key}: there is no such field")
        if value is not None:
            _set_text(message, key, f"{path}.{key}", value)


def _set_text(message: Any, field: str, path: str, value: object) -> None:
    try:
        setattr(message, field, str(value))
    except UnicodeError:
        raise ValueError(f"{path}: has characters that are no Unicode text") from None


def _set_days(event: event_pb2.Event, value: object) -> None:
    try:
        days = float(value) if isinstance(value, int | float) else int(str(value))
        if isinstance(value, bool) or days != int(days):
            raise ValueError
        event.retention_days = int(days)
    except (ValueError, OverflowError):
        raise ValueError("retention_days: must be a whole number of days from 0") from None


def _object(path: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{path}: must be an object")
    return value


def _struct(path: str, value: object) -> Struct:
    fields = _object(path, value)
    struct = Struct()
    try:
        struct.update(fields)
    except (ValueError, TypeError):
        raise ValueError(f"{path}: must be an object of JSON values") from None
    return struct


def _truth(field: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    # A table has texts only.
    truth = {"true": True, "false": False}.get(str(value).lower())
    if truth is None:
        raise ValueError(f"{field}: must be true or false")
    return truth


def _set_enum(event: event_pb2.Event, field: str, value: str) -> None:
    words = event.DESCRIPTOR.fields_by_name[field].enum_type
    number = words.values_by_name.get(value) if words else None
    if number is None:
        raise ValueError(f"{field}: not a known value")
    setattr(event, field, number.number)


def _timestamp(text: object) -> Timestamp:
    timestamp = Timestamp()
    try:
        moment = datetime.fromisoformat(str(text))
        # A date or a time without a zone is taken as UTC: that is what logs mean by it.
        timestamp.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError("occurred_at: not an ISO 8601 time from year 1 to 9999") from None
    return timestamp

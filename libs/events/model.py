"""Stored events as their readers get them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from libs.catalog.model import Environment, Producer


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event; `columns` says what each field means. Objects are parsed JSON: integers are exact, other
    numbers doubles."""

    event_uuid: uuid.UUID
    occurred_at: datetime
    received_at: datetime
    session_started_at: datetime | None
    app_id: str
    retention_class: str
    name: str
    schema_version: str
    # None if the producer did not say.
    producer: Producer | None
    environment: Environment
    # Unlike the column never null: the UUID's text if that is the id.
    event_id: str
    subject_id: str | None
    anonymous_id: str | None
    session_id: str | None
    group_id: str | None
    entity_type: str | None
    entity_id: str | None
    request_id: str | None
    country: str | None
    device_type: str | None
    os: str | None
    browser: str | None
    context: Mapping[str, Any] | None
    attribution: Mapping[str, Any] | None
    properties: Mapping[str, Any]
    os_version: str | None
    browser_version: str | None
    device_brand: str | None
    device_model: str | None
    person: uuid.UUID | None
    privacy_level: str | None
    consent_given: bool | None
    ip_anonymized: bool


class RecountedEvent(NamedTuple):
    """What rollups may be made of: texts, empty if there is none, and JSON objects as they are stored."""

    seconds: int
    nanos: int
    event_id: str
    name: str
    schema_version: str
    producer: str
    environment: str
    subject_id: str
    anonymous_id: str
    session_id: str
    group_id: str
    entity_type: str
    entity_id: str
    country: str
    device_type: str
    os: str
    browser: str
    os_version: str
    browser_version: str
    device_brand: str
    device_model: str
    context: str
    attribution: str
    properties: str


@dataclass(frozen=True, slots=True)
class EventCursor:
    """The place of an event among those of its app: its key, in the order of pages."""

    name: str
    occurred_at: datetime
    event_uuid: uuid.UUID
    retention_class: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, and the cursor for the next ones; None if these were the last."""

    events: Sequence[StoredEvent]
    next: EventCursor | None


@dataclass(frozen=True, slots=True)
class DailyCount:
    """How many events of one name occurred on one day (UTC)."""

    day: date
    name: str
    events: int


def decode(row: Mapping[str, Any]) -> StoredEvent:
    """An event from a row with the published columns."""
    return StoredEvent(
        **{
            **row,
            "event_id": row["event_id"] or str(row["event_uuid"]),
            "producer": Producer(row["producer"]) if row["producer"] else None,
            "environment": Environment(row["environment"]),
        }
    )


def cursor_of(event: StoredEvent) -> EventCursor:
    """The place of an event."""
    return EventCursor(event.name, event.occurred_at, event.event_uuid, event.retention_class)

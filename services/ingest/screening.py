"""Whether an event may enter, before anybody asks about consent: envelope, catalog, schema, clock,
sampling. Pure; events are read by attribute, as `weir.common.v1.Event` has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libs.catalog import Catalog, EventType
from services.ingest.clock_check import ClockCheck
from services.ingest.model import Refusal
from services.ingest.properties import PropertiesError, parse_properties
from services.ingest.sampling import sampled_out

PRODUCERS = {0: "", 1: "frontend", 2: "api", 3: "server", 4: "job", 5: "webhooks"}
PRODUCER_NUMBERS = {name: number for number, name in PRODUCERS.items()}
ENVIRONMENTS = {0: "production", 1: "production", 2: "staging", 3: "development"}
MAX_ID_LENGTH = 128
# Every text of the envelope that must be short, because stores and indexes hold it.
SHORT_FIELDS = ("subject_id", "anonymous_id", "session_id", "group_id", "request_id")

Event = Any
Properties = Mapping[str, Any]


@dataclass(slots=True)
class Screening:
    """What screening found, by position in the batch: each event is in one of the three."""

    passed: list[tuple[int, Event, EventType, Properties]] = field(default_factory=list)
    refused: dict[int, Refusal] = field(default_factory=dict)
    sampled: list[int] = field(default_factory=list)


def screen(catalog: Catalog, events: Sequence[Event], now_us: int) -> Screening:
    """Screens a batch; fills in each event's producer, environment and group where they are missing,
    and turns Struct properties into JSON."""
    result = Screening()
    clock = ClockCheck(catalog.clock, now_us)
    event_types = catalog.events
    group_name = catalog.group_name
    for index, event in enumerate(events):
        event_id = event.event_id
        # `isprintable` is false for control characters; a space is printable but not visible.
        if not (0 < len(event_id) <= MAX_ID_LENGTH and event_id.isprintable()) or " " in event_id:
            result.refused[index] = Refusal(
                "FIELD_INVALID", "event_id", "must be 1 to 128 visible characters"
            )
            continue
        event_type = event_types.get(event.name)
        if event_type is None:
            result.refused[index] = Refusal(
                "EVENT_UNKNOWN", "name", "the catalog declares no such event"
            )
            continue
        refusal = _check_envelope(event, event_type, clock)
        if refusal is not None:
            result.refused[index] = refusal
            continue
        version = event_type.version(event.schema_version)
        if version is None:
            result.refused[index] = Refusal(
                "SCHEMA_VERSION_UNKNOWN",
                "schema_version",
                "the catalog declares the event, but not in this version",
            )
            continue
        try:
            properties = parse_properties(event)
        except PropertiesError as error:
            result.refused[index] = Refusal("PROPERTIES_INVALID", "properties", str(error))
            continue
        if not version.is_valid(properties):
            first = version.violations(properties)[0]
            result.refused[index] = Refusal("PROPERTIES_INVALID", first.field, first.reason)
            continue
        if event_type.sampling:
            rate = event_type.sampling.get(ENVIRONMENTS[event.environment], 1.0)
            if rate < 1.0 and sampled_out(event_id, rate):
                result.sampled.append(index)
                continue
        if group_name and not event.group_id and (group := properties.get(group_name)) is not None:
            event.group_id = str(group)
        result.passed.append((index, event, event_type, properties))
    return result


def _check_envelope(event: Event, event_type: EventType, clock: ClockCheck) -> Refusal | None:
    timestamp = event.occurred_at
    occurred_at_us = timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000
    complaint = clock.complaint(occurred_at_us)
    if complaint is not None:
        if not event.HasField("occurred_at"):
            return Refusal("FIELD_INVALID", "occurred_at", "is missing")
        return Refusal("CLOCK_OUT_OF_RANGE", "occurred_at", complaint)
    producer = event.producer
    if producer == 0:
        event.producer = PRODUCER_NUMBERS[event_type.producers[0]]
    elif PRODUCERS.get(producer) not in event_type.producers:
        return Refusal(
            "PRODUCER_NOT_ALLOWED", "producer", "the catalog does not let this producer send it"
        )
    if event.environment not in ENVIRONMENTS:
        return Refusal("FIELD_INVALID", "environment", "is not a known environment")
    for name in SHORT_FIELDS:
        value = getattr(event, name)
        if value and (len(value) > MAX_ID_LENGTH or not value.isprintable()):
            return Refusal("FIELD_INVALID", name, "must be at most 128 printable characters")
    return None

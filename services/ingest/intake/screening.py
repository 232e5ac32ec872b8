"""Whether an event may enter, before anybody asks about consent: envelope, catalog, sizes, schema,
clock, sampling. Pure; events are read by attribute, as `weir.common.v1.Event` has them.

Reading an attribute of a message costs as much as most of these checks, so each is read once and what
later steps need is handed on in a Candidate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from weir.common.v1 import event_pb2
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventType, EventVersion, event_words, tighten
from libs.catalog.texts import MAX_TEXT_LENGTH, is_short_text, is_visible_name
from services.ingest.intake.clock_check import ClockCheck
from services.ingest.intake.model import Rejection
from services.ingest.intake.properties import PropertiesError, parse_properties
from services.ingest.intake.sampling import sampled_out
from services.ingest.intake.sizes import SizeCheck
from services.ingest.intake.subjects import MAX_PEOPLE_NAMED, crowded_property, id_from_property

# By number; dicts, because a producer may send a number that this release does not know.
PRODUCERS = dict(enumerate(event_words.PRODUCERS))
PRODUCER_NUMBERS = {word: cast(event_pb2.Producer, number) for number, word in PRODUCERS.items()}
ENVIRONMENTS = dict(enumerate(event_words.ENVIRONMENTS))
PRIVACY_LEVELS = dict(enumerate(event_words.PRIVACY_LEVELS))
NOT_VISIBLE = f"must be 1 to {MAX_TEXT_LENGTH} visible characters"
TOO_LONG = f"must be at most {MAX_TEXT_LENGTH} printable characters"
BLANK = "of a counts-only event must not contain blanks"
# The texts of the envelope that must be short.
SHORT_FIELDS = ("subject_id", "session_id", "group_id", "anonymous_id", "request_id")

Properties = dict[str, Any]


class Candidate(NamedTuple):
    """An event that passed, with what was read from it; `position` is its place in the batch."""

    position: int
    event: Event
    event_id: str
    event_type: EventType
    version: EventVersion
    properties: Properties
    subject_id: str
    # Of the event as it was sent.
    size_bytes: int


@dataclass(slots=True)
class Screening:
    """What screening found, by position in the batch: each event is in one of the four. `withheld` are
    those for which their sender says that there is no consent."""

    passed: list[Candidate] = field(default_factory=list)
    rejected: dict[int, Rejection] = field(default_factory=dict)
    sampled: list[int] = field(default_factory=list)
    withheld: list[int] = field(default_factory=list)


def screen(catalog: Catalog, events: Sequence[Event], now_us: int) -> Screening:
    """Screens a batch. Fills in what the catalog knows of each event that passes (producer, subject,
    group, version, retention), and turns Struct properties into JSON."""
    result = Screening()
    clock, sizes = ClockCheck(catalog.clock, now_us), SizeCheck(catalog)
    for position, (event, size) in enumerate(zip(events, map(Event.ByteSize, events), strict=True)):
        if event.HasField("consent_given") and _is_withheld(catalog, event):
            result.withheld.append(position)
            continue
        found = _examine(catalog, clock, sizes, position, event, size)
        if type(found) is Candidate:
            result.passed.append(found)
        elif type(found) is Rejection:
            result.rejected[position] = found
        else:
            result.sampled.append(position)
    return result


def _examine(
    catalog: Catalog, clock: ClockCheck, sizes: SizeCheck, position: int, event: Event, size: int
) -> Candidate | Rejection | None:
    """The event as a candidate, or why it is refused; None where it is sampled out."""
    event_id = event.event_id
    if not is_visible_name(event_id):
        return Rejection("FIELD_INVALID", "event_id", NOT_VISIBLE)
    event_type = catalog.events.get(event.name)
    if event_type is None:
        return Rejection("EVENT_UNKNOWN", "name", "the catalog declares no such event")
    timestamp = event.occurred_at
    nanos = timestamp.nanos
    violation = clock.violation(timestamp.seconds * 1_000_000 + nanos // 1_000)
    if violation is not None or not 0 <= nanos < 1_000_000_000:
        return _clock_rejection(event, violation)
    producer = event.producer
    if producer and PRODUCERS.get(producer) not in event_type.producers:
        return Rejection(
            "PRODUCER_NOT_ALLOWED", "producer", "the catalog does not let this producer send it"
        )
    environment = ENVIRONMENTS.get(event.environment)
    if environment is None:
        return Rejection("FIELD_INVALID", "environment", "is not a known environment")
    level = PRIVACY_LEVELS.get(event.privacy_level)
    if level is None:
        # Perhaps a stricter one, of a release to come.
        return Rejection("FIELD_INVALID", "privacy_level", "is not a known privacy level")
    subject_id, group_id = event.subject_id, event.group_id
    # All of them together are nearly always short and clean; only where not, each is looked at.
    texts = f"{subject_id}{event.session_id}{group_id}{event.anonymous_id}{event.request_id}"
    if (len(texts) > MAX_TEXT_LENGTH or not texts.isprintable()) or event.HasField("entity"):
        wrong = _first_invalid_text(event)
        if wrong:
            return Rejection("FIELD_INVALID", wrong, TOO_LONG)
    if event_type.counts_only:
        wrong = _field_with_blank(event)
        if wrong:
            return Rejection("FIELD_INVALID", wrong, BLANK)
    schema_version = event.schema_version
    version = event_type.version(schema_version)
    if version is None:
        return Rejection(
            "SCHEMA_VERSION_UNKNOWN",
            "schema_version",
            "the catalog declares the event, but not in this version",
        )
    try:
        properties = parse_properties(event)
    except PropertiesError as error:
        return Rejection("PROPERTIES_INVALID", "properties", str(error))
    subject_name = catalog.subject_name
    too_long = sizes.rejection(event, size, event_type.name, version, properties)
    if too_long is not None:
        return too_long
    if subject_name in properties or version.subject_properties:
        crowded = crowded_property(subject_name, version.subject_properties, properties)
        if crowded:
            return Rejection(
                "FIELD_INVALID",
                f"properties.{crowded}",
                f"an event names at most {MAX_PEOPLE_NAMED} people",
                too_large=True,
            )
    if not version.is_valid(properties):
        first = version.violations(properties)[0]
        return Rejection("PROPERTIES_INVALID", first.field, first.reason)
    if event_type.sampling:
        rate = event_type.sampling.get(environment, 1.0)
        if rate < 1.0 and sampled_out(event_id, rate):
            return None
    # From here on it passes, and what the catalog knows of it is written into it: who stores it needs
    # no catalog, and cannot have an older one. Some producers name the person or the group among the
    # properties only.
    if not subject_id and subject_name in properties:
        subject_id = event.subject_id = id_from_property(properties[subject_name])
        if not subject_id and properties[subject_name] not in (None, ""):
            # Somebody whom consent cannot be asked about.
            return Rejection("FIELD_INVALID", f"properties.{subject_name}", "cannot be an id")
    if not group_id and catalog.group_name in properties:
        event.group_id = id_from_property(properties[catalog.group_name])
    if not producer:
        event.producer = PRODUCER_NUMBERS[event_type.producers[0]]
    if not schema_version:
        event.schema_version = version.version
    # Only ever shorter than the catalog says.
    days = tighten(event_type.raw_retention_days, event.retention_days)
    if level:
        days = tighten(days, catalog.privacy_levels.get(level, 0))
    event.retention_days = days or 0
    return Candidate(position, event, event_id, event_type, version, properties, subject_id, size)


def _is_withheld(catalog: Catalog, event: Event) -> bool:
    """Whether the sender says that there is no consent to an event that asks for it, or may ask: what
    an unknown event asks for is unknown."""
    if event.consent_given:
        return False
    event_type = catalog.events.get(event.name)
    return event_type is None or event_type.purpose is not None


def _clock_rejection(event: Event, violation: str | None) -> Rejection:
    if violation is None:
        return Rejection("FIELD_INVALID", "occurred_at", "has nanoseconds out of range")
    if not event.HasField("occurred_at"):
        return Rejection("FIELD_INVALID", "occurred_at", "is missing")
    return Rejection("CLOCK_OUT_OF_RANGE", "occurred_at", violation)


def _field_with_blank(event: Event) -> str:
    """The path of an id that is stored and has room for a sentence; empty if there is none."""
    for name in ("subject_id", "session_id", "group_id"):
        if " " in getattr(event, name):
            return name
    if event.HasField("entity"):
        for name in ("type", "id"):
            if " " in getattr(event.entity, name):
                return f"entity.{name}"
    return ""


def _first_invalid_text(event: Event) -> str:
    """The path of a text that is not short; empty where all are."""
    for name in SHORT_FIELDS:
        if not is_short_text(getattr(event, name)):
            return name
    for name in ("type", "id"):
        if not is_short_text(getattr(event.entity, name)):
            return f"entity.{name}"
    return ""

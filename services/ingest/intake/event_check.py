"""Whether an event may enter, before consent is asked about: envelope, catalog, clock, sizes, schema,
sampling. Checks read events and change nothing but Struct properties, which become JSON."""

from typing import cast

from weir.common.v1 import event_pb2
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventType, EventVersion, event_words
from libs.catalog.texts import MAX_TEXT_LENGTH, is_short_text, is_visible_name
from libs.common.event_properties import PropertiesError
from services.ingest.intake.clock_check import ClockCheck
from services.ingest.intake.model import Candidate, Properties, Rejection
from services.ingest.intake.properties import parse_properties
from services.ingest.intake.sampling import Sampled, sampled_out
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
SAMPLED = Sampled()


class EventCheck:
    """The checks of one app, for frames that arrived at `now_us`."""

    def __init__(self, catalog: Catalog, now_us: int) -> None:
        self._catalog = catalog
        self._clock = ClockCheck(catalog.clock, now_us)
        self._sizes = sizes = SizeCheck(catalog)
        self._harmless_bytes, self._dimensions = sizes.harmless_bytes, sizes.dimensions

    def check(self, position: int, event: Event, size: int) -> Candidate | Rejection | Sampled:
        """The event as a candidate, why it is rejected, or that it is sampled out. `size` is the event's
        in bytes."""
        event_id = event.event_id
        if not is_visible_name(event_id):
            return Rejection("FIELD_INVALID", "event_id", NOT_VISIBLE)
        event_type = self._catalog.events.get(event.name)
        if event_type is None:
            return Rejection("EVENT_UNKNOWN", "name", "the catalog declares no such event")
        timestamp = event.occurred_at
        nanos = timestamp.nanos
        occurred_at_us = timestamp.seconds * 1_000_000 + nanos // 1_000
        clock = self._clock
        if (
            not clock.earliest_us <= occurred_at_us <= clock.latest_us
            or not 0 <= nanos < 1_000_000_000
        ):
            return _clock_rejection(event, clock.violation(occurred_at_us))
        producer = event.producer
        if producer and PRODUCERS.get(producer) not in event_type.producers:
            return Rejection(
                "PRODUCER_NOT_ALLOWED", "producer", "the catalog does not let this producer send it"
            )
        environment = ENVIRONMENTS.get(event.environment)
        if environment is None:
            return Rejection("FIELD_INVALID", "environment", "is not a known environment")
        privacy_level = event.privacy_level
        if privacy_level not in PRIVACY_LEVELS:
            # Perhaps a stricter one, of a release to come.
            return Rejection("FIELD_INVALID", "privacy_level", "is not a known privacy level")
        subject_id, group_id, anonymous_id = event.subject_id, event.group_id, event.anonymous_id
        # All of them together are nearly always short and clean; only if not, each is looked at.
        session_id = event.session_id
        texts = f"{subject_id}{session_id}{group_id}{anonymous_id}{event.request_id}"
        if len(texts) > MAX_TEXT_LENGTH or not texts.isprintable():
            wrong = _first_long_text(event)
            if wrong:
                return Rejection("FIELD_INVALID", wrong, TOO_LONG)
        if event.HasField("entity"):
            entity = event.entity
            wrong = _long_entity_text(entity.type, entity.id)
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
            properties, properties_json = parse_properties(event)
        except PropertiesError as error:
            return Rejection("PROPERTIES_INVALID", "properties", str(error))
        rejection = self._properties_rejection(event, size, event_type, version, properties)
        if rejection is not None:
            return rejection
        if event_type.sampling:
            rate = event_type.sampling.get(environment, 1.0)
            if rate < 1.0 and sampled_out(event_id, rate):
                return SAMPLED
        subject_name = self._catalog.subject_name
        if not subject_id and subject_name in properties:
            subject_id = id_from_property(properties[subject_name])
            if not subject_id and properties[subject_name] not in (None, ""):
                # A person whose consent cannot be looked up.
                return Rejection("FIELD_INVALID", f"properties.{subject_name}", "cannot be an id")
        return Candidate(
            position, event, event_id, event_type, version, properties, properties_json, subject_id,
            session_id, group_id, anonymous_id, event.idempotency_key, schema_version, producer,
            privacy_level,
        )  # fmt: skip

    def _properties_rejection(
        self,
        event: Event,
        size: int,
        event_type: EventType,
        version: EventVersion,
        properties: Properties,
    ) -> Rejection | None:
        if size > self._harmless_bytes or event_type.name in self._dimensions:
            too_long = self._sizes.rejection(event, size, event_type.name, version, properties)
            if too_long is not None:
                return too_long
        subject_name = self._catalog.subject_name
        if version.subject_properties or subject_name in properties:
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
        return None


def _clock_rejection(event: Event, violation: str | None) -> Rejection:
    if violation is None:
        return Rejection("FIELD_INVALID", "occurred_at", "has nanoseconds out of range")
    if not event.HasField("occurred_at"):
        return Rejection("FIELD_INVALID", "occurred_at", "is missing")
    return Rejection("CLOCK_OUT_OF_RANGE", "occurred_at", violation)


def _first_long_text(event: Event) -> str:
    """The path of a text of the envelope that is not short; empty if all are."""
    for name in SHORT_FIELDS:
        if not is_short_text(getattr(event, name)):
            return name
    return ""


def _long_entity_text(entity_type: str, entity_id: str) -> str:
    """The path of a text of the entity that is not short; empty if both are."""
    if not is_short_text(entity_type):
        return "entity.type"
    return "" if is_short_text(entity_id) else "entity.id"


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

"""How much of a rejected event its dead letter may hold, by catalog and consent."""

from collections.abc import Iterable
from enum import Enum

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventType
from libs.catalog.texts import is_visible_name
from libs.common.ids import event_uuid
from libs.common.mentions import ids_of, reveals_person
from libs.consent import Decision
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.subjects import EventSubject

# Fields that hold neither personal data nor content.
_BARE_FIELDS = frozenset(
    {
        *("event_id", "name", "schema_version", "occurred_at", "producer", "environment"),
        *("privacy_level", "retention_days"),
    }
)
_MASK = "*"


class Content(Enum):
    """How much a dead letter holds."""

    # The event as it was sent, the address truncated.
    WHOLE = "whole"
    # Under a pseudonym, without properties and `context.extra`.
    PSEUDONYMOUS = "pseudonymous"
    # Which event, when, and from which producer; no person, and no content.
    BARE = "bare"
    # There is no dead letter.
    NONE = "none"


def allowed_content(
    event_type: EventType | None,
    subject: EventSubject,
    decisions: Iterable[Decision],
    *,
    is_pii: bool,
    is_forbidden: bool = False,
) -> Content:
    """What the dead letter of an event may hold.

    `event_type` is None for a name that the catalog does not declare. `decisions` are what follows from
    consent for each purpose that the event may have: its own, all of the catalog's for an unknown name,
    none for an event that asks for no consent. `is_forbidden`: whatever was decided, the event may hold what
    the catalog forbids to keep.
    """
    found = set(decisions)
    dropping = Decision.DROP in found
    if dropping and event_type is not None and (subject.certain or subject.id):
        return Content.NONE
    if dropping or is_forbidden or (event_type is not None and event_type.counts_only):
        return Content.BARE
    if not subject.certain and (found or is_pii):
        # About a person whom consent cannot be asked about, or not reliably.
        return Content.BARE
    if Decision.ANONYMIZE in found or is_pii:
        return Content.PSEUDONYMOUS
    return Content.WHOLE


def reduce_event(
    catalog: Catalog, event: Event, subject: EventSubject, content: Content, anonymizer: Anonymizer
) -> None:
    """Removes from an event what `content` does not let its dead letter hold."""
    if content is Content.WHOLE:
        return
    _remove_subject_from_texts(catalog, event, subject, anonymizer)
    if content is Content.PSEUDONYMOUS:
        if event.subject_id:
            anonymizer.replace_subject(catalog, event)
        else:
            anonymizer.replace_session(catalog, event)
        remove_properties(event)
        return
    for field, _ in event.ListFields():
        if field.name not in _BARE_FIELDS:
            event.ClearField(field.name)
    # These three are texts of the producer's, of any length, and a place for content as well.
    event_type = catalog.events.get(event.name)
    if not is_visible_name(event.event_id):
        event.event_id = ""
    if event_type is None and not is_visible_name(event.name):
        event.name = ""
    if event_type is None or event_type.version(event.schema_version) is None:
        event.schema_version = ""


def declared_properties(event_type: EventType) -> frozenset[str]:
    """The properties that any version of the event names."""
    names: set[str] = set()
    for version in event_type.versions.values():
        declared = version.schema.get("properties")
        names.update(declared if isinstance(declared, dict) else ())
    return frozenset(names)


def marked_properties(event_type: EventType) -> frozenset[str]:
    """The properties that any version of the event marks as personal, or as people."""
    versions = event_type.versions.values()
    return frozenset().union(
        *(version.pii_properties | version.subject_properties for version in versions)
    )


def sealed_properties(catalog: Catalog, event_type: EventType | None) -> frozenset[str]:
    """The properties of the event that are stored encrypted; of a name that the catalog does not declare,
    those of all events: it may be one of these, misspelt."""
    if event_type is not None:
        return event_type.sealed
    return frozenset().union(*catalog.sealed.values())


def remove_properties(event: Event) -> None:
    """Removes what producers may fill with anything: the properties, and `context.extra`."""
    event.properties_json = b"{}"
    if event.HasField("context"):
        event.context.ClearField("extra")


def _remove_subject_from_texts(
    catalog: Catalog, event: Event, subject: EventSubject, anonymizer: Anonymizer
) -> None:
    """`remove_id_from_texts` for the subject; an event id that contains the subject's id, or may contain it,
    becomes a pseudonym."""
    subject_id, event_id = subject.id, event.event_id
    if (subject_id and reveals_person(event_id, subject_id)) or (
        not subject.certain and event_id and not event_uuid(event_id)[1]
    ):
        event.event_id = anonymizer.event_id(catalog.app_id, event_id)
    if subject_id:
        remove_id_from_texts(catalog, event, subject_id)


def remove_id_from_texts(catalog: Catalog, event: Event, person_id: str) -> None:
    """Removes a person's id from the texts that producers compose of ids and that no schema limits, except
    the event id."""
    people = ids_of(person_id)
    for field in ("idempotency_key", "request_id"):
        composed = getattr(event, field)
        if person_id in composed or people.is_in(composed):
            event.ClearField(field)
    event_type = catalog.events.get(event.name)
    if event_type is None:
        event.name = people.redacted(event.name.replace(person_id, _MASK), _MASK)
    if event_type is None or event_type.version(event.schema_version) is None:
        masked = event.schema_version.replace(person_id, _MASK)
        event.schema_version = people.redacted(masked, _MASK)

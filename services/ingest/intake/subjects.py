"""Finds the people whom an event is about or names, in its envelope and in its properties."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventType
from libs.catalog.texts import is_short_text
from libs.common.event_properties import PropertiesError
from libs.common.structs import plain_value
from libs.consent import is_subject_id
from services.ingest.intake.model import Properties, RejectedEvent
from services.ingest.intake.properties import parse_properties

# In the properties of one event: consent is read for each, and those who denied it are removed.
MAX_PEOPLE_NAMED = 100


class EventSubject(NamedTuple):
    """The person whom an event is about; the id is empty if it is about no person. If it is not `certain`,
    the event has something about a person that cannot be read: it may be about another person, or about
    several."""

    id: str
    certain: bool = True


class RejectedPeople(NamedTuple):
    """The people of a rejected event: its subject, its teacher (empty if none), and the others whom it names;
    None if it is not searched for these."""

    subject: EventSubject
    teacher: str
    others: list[str] | None

    def ids(self) -> list[str]:
        """All of them whose ids are known."""
        return [*filter(None, (self.subject.id, self.teacher)), *(self.others or ())]


@dataclass(frozen=True, slots=True)
class Links:
    """The person of each session and of each `anonymous_id` of one frame, as far as the events of the frame
    say; empty if two people share it."""

    by_session: dict[str, str]
    by_anonymous_id: dict[str, str]

    def person_behind(self, session_id: str, anonymous_id: str) -> str:
        """The person of an event that names none, by what its sender gave; empty if not known."""
        found = {
            self.by_session.get(session_id, ""),
            self.by_anonymous_id.get(anonymous_id, ""),
        } - {""}
        return found.pop() if len(found) == 1 else ""


def links_between(events: Iterable[tuple[str, str, str]]) -> Links:
    """The links that events make, each given as the ids of its subject (empty if it has none), its session
    and its `anonymous_id`."""
    by_session: dict[str, str] = {}
    by_anonymous_id: dict[str, str] = {}
    for subject_id, session_id, anonymous_id in events:
        if not subject_id:
            continue
        for known, key in ((by_session, session_id), (by_anonymous_id, anonymous_id)):
            if key and known.setdefault(key, subject_id) != subject_id:
                known[key] = ""
    return Links(by_session, by_anonymous_id)


def id_from_property(value: Any) -> str:
    """An id found among the properties as text; empty if it cannot be one."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if is_short_text(text) else ""


def people_in_rejected(catalog: Catalog, rejected: RejectedEvent) -> RejectedPeople:
    """The people of a rejected event. One that is too large is not searched for others."""
    subject = _subject_of(catalog, rejected.event)
    teacher = teacher_of(catalog, rejected.event, subject.id)
    if rejected.rejection.too_large:
        return RejectedPeople(subject, teacher, None)
    others = _others_in_rejected(catalog, rejected.event, subject.id)
    return RejectedPeople(subject, teacher, others)


def has_person(event_type: EventType, event: Event, people: RejectedPeople) -> bool:
    """Whether a rejected event has anything that identifies a person, or may have it."""
    if (
        people.subject.id
        or not people.subject.certain
        or people.others != []
        or event.session_id
        or event.anonymous_id
        or event.context.teacher_id
    ):
        return True
    # They can be read: else it would not be certain whom the event is about.
    properties, _ = parse_properties(event)
    return any(
        not properties.keys().isdisjoint(version.pii_properties | version.subject_properties)
        for version in event_type.versions.values()
    )


def _subject_of(catalog: Catalog, event: Event) -> EventSubject:
    """The subject of the envelope, else the person among the properties."""
    if event.subject_id:
        known = is_subject_id(event.subject_id)
        return EventSubject(event.subject_id if known else "", known)
    try:
        properties, _ = parse_properties(event)
    except PropertiesError:
        return EventSubject(_glimpsed_id(catalog.subject_name, event), certain=False)
    value = properties.get(catalog.subject_name)
    found = id_from_property(value)
    return EventSubject(found, bool(found) or value in (None, ""))


def crowded_property(subject_name: str, marked: Collection[str], properties: Properties) -> str:
    """The property with the most people, if the event's properties name more than MAX_PEOPLE_NAMED in
    all, equal ones counted each; empty if they do not."""
    counts = {
        name: len(value) if isinstance(value := properties.get(name), list) else name in properties
        for name in (subject_name, *marked)
    }
    if sum(counts.values()) <= MAX_PEOPLE_NAMED:
        return ""
    # The first of equal ones by name: the order of a set would differ between processes.
    return max(sorted(counts), key=lambda name: counts[name])


def others_named(
    catalog: Catalog, event: Event, marked: Collection[str], properties: Properties, subject_id: str
) -> list[str]:
    """The ids of the people whom an event names beside its subject, in places that the catalog marks:
    properties marked `x-subject` or called by the app's word for a person, and entities of a type whose ids
    are people's."""
    found: list[str] = []
    for name in (catalog.subject_name, *marked):
        if name not in properties:
            continue
        value = properties[name]
        ids = map(id_from_property, value if isinstance(value, list) else (value,))
        found += [person_id for person_id in ids if person_id not in ("", subject_id)]
    if catalog.subject_entity_types and event.HasField("entity"):
        entity = event.entity
        if entity.type in catalog.subject_entity_types and entity.id not in ("", subject_id):
            found.append(entity.id)
    return found


def teacher_of(catalog: Catalog, event: Event, subject_id: str) -> str:
    """The id of the teacher of an event about another person, in apps that count by teachers; else empty."""
    if not catalog.names_teachers or not event.HasField("context"):
        return ""
    teacher = event.context.teacher_id
    return teacher if teacher != subject_id and is_subject_id(teacher) else ""


def _others_in_rejected(catalog: Catalog, event: Event, subject_id: str) -> list[str] | None:
    """`others_named` for a rejected event. For an unknown version, the marks of all versions hold; for an
    unknown event, only the app's word for a person and entities. An event that asks for no consent, and may
    have people, is not searched, and has none. None if the properties cannot be read, or name too many
    people."""
    event_type = catalog.events.get(event.name)
    if event_type is not None and event_type.purpose is None and not event_type.has_no_person:
        return []
    try:
        properties, _ = parse_properties(event)
    except PropertiesError:
        return None
    marked = _marked(event_type, event.schema_version)
    if crowded_property(catalog.subject_name, marked, properties):
        return None
    return others_named(catalog, event, marked, properties, subject_id)


def _marked(event_type: EventType | None, schema_version: str) -> Collection[str]:
    """The properties marked `x-subject` that an event of this type and version may have."""
    if event_type is None:
        return ()
    version = event_type.version(schema_version)
    if version is not None:
        return version.subject_properties
    versions = event_type.versions.values()
    return frozenset().union(*(version.subject_properties for version in versions))


def _glimpsed_id(subject_name: str, event: Event) -> str:
    """The person's id in properties that cannot be parsed, if it stands there exactly once."""
    if event.HasField("properties"):
        fields = event.properties.fields
        if subject_name not in fields:
            return ""
        try:
            return id_from_property(plain_value(fields[subject_name]))
        except ValueError:
            return ""
    found = {
        id_from_property(_literal(text))
        for text in _pattern(subject_name).findall(event.properties_json)
    }
    return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[bytes]:
    return re.compile(
        re.escape(orjson.dumps(name)) + rb'\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+(?![0-9.eE]))'
    )


def _literal(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None

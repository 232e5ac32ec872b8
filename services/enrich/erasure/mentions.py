"""What an event of one person says once it no longer names another. Pure."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from libs.common.mentions import PersonIds, properties_without_mentions, reveals_one
from libs.common.subject_data import SubjectRef
from services.enrich.erasure.model import NamingEvent

# Of a context.
_OF_PEOPLE = ("extra", "teacher_id")


def without_mentions(
    event: NamingEvent,
    subject: SubjectRef,
    entity_types: Collection[str],
    measures: Collection[tuple[str, ...]],
    new_id: Callable[[str], UUID],
) -> NamingEvent | None:
    """The event without the person; None if it does not name the person.

    Of a stored row, what `libs.common.envelope_mentions.clean_envelope` does to an event that arrives, or is
    in quarantine: tests/unit/common/test_envelope_mentions.py compares them. From its properties mentions go
    as well, but for numbers at a path of `measures`; an event id that reveals the person gets a `new_id`."""
    person_id, pseudonym = subject.subject_id, subject.persons[0]
    people = PersonIds((person_id,))
    long = people.long_ones()

    def renamed(text: str | None) -> str | None:
        return text and long.replaced(text, lambda _: pseudonym)

    entity_id = event.entity_id
    if event.entity_type in entity_types and entity_id == person_id:
        entity_id = pseudonym
    event_uuid, event_id = event.event_uuid, event.event_id
    sent = event_id or str(event_uuid)
    if reveals_one(sent, long):
        event_uuid, event_id = new_id(sent), None
    request_id = event.request_id
    found = replace(
        event,
        event_uuid=event_uuid,
        event_id=event_id,
        # Such a session would link the event to the person.
        session_id=None if event.session_id in long.texts else renamed(event.session_id),
        group_id=renamed(event.group_id),
        entity_type=None if event.entity_type in long.texts else event.entity_type,
        entity_id=renamed(entity_id),
        request_id=None if request_id and reveals_one(request_id, long) else request_id,
        context=_context(event.context, people, long),
        attribution=_without(event.attribution, long),
        properties=properties_without_mentions(event.properties, people, (), measures),
    )
    return None if found == event else found


def _without(found: dict[str, Any] | None, people: PersonIds) -> dict[str, Any] | None:
    if not found:
        return found
    return properties_without_mentions(found, people, ()) or None


def _context(
    found: dict[str, Any] | None, people: PersonIds, long: PersonIds
) -> dict[str, Any] | None:
    """Producers name what is in `extra`; the teacher is a person."""
    if not found:
        return found
    left: dict[str, Any] = {}
    for name, value in found.items():
        looked_for = people if name in _OF_PEOPLE else long
        # Without its name, which Weir has given.
        for kept in properties_without_mentions({"": value}, looked_for, ()).values():
            left[name] = kept
    return left or None

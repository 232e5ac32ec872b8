"""What an event of one person says once it no longer names another. Pure."""

from collections.abc import Collection
from dataclasses import replace

from libs.common.mentions import PersonIds, properties_without_mentions
from libs.common.subject_data import SubjectRef
from services.enrich.erasure.model import NamingEvent


def without_mentions(
    event: NamingEvent,
    subject: SubjectRef,
    entity_types: Collection[str],
    measures: Collection[tuple[str, ...]],
) -> NamingEvent | None:
    """The event without the person: mentions are gone from its properties, and as its entity the person has
    the pseudonym. None if it does not name the person; a number at a path of `measures` does not."""
    people = PersonIds((subject.subject_id,))
    properties = properties_without_mentions(event.properties, people, (), measures)
    entity_id = event.entity_id
    if event.entity_type in entity_types and entity_id == subject.subject_id:
        entity_id = subject.persons[0]
    if properties == event.properties and entity_id == event.entity_id:
        return None
    return replace(event, properties=properties, entity_id=entity_id)

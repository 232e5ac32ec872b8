"""Whether a dead letter is about a person, or names the person. Pure."""

from contextlib import suppress

import orjson
from weir.common.v1.event_pb2 import Event

from libs.common.mentions import PersonIds, properties_without_mentions
from libs.common.structs import plain_struct
from libs.common.subject_data import SubjectRef

# A shorter id may stand in a text by chance.
_LEAST_IN_TEXTS = 8


def names_person(event: Event, subject: SubjectRef) -> bool:
    """Whether the event has the person's id or a pseudonym as a value or as a name, at any depth; an id of
    eight characters and more also within a text."""
    ids = (subject.subject_id, *subject.persons)
    envelope = (
        event.subject_id,
        event.anonymous_id,
        event.entity.id,
        event.group_id,
        event.session_id,
        event.request_id,
        event.event_id,
    )
    if any(value in ids for value in envelope):
        return True
    long_ids = [each.encode() for each in ids if len(each) >= _LEAST_IN_TEXTS]
    content = event.SerializeToString()
    if any(each in content for each in long_ids):
        return True
    people = PersonIds(ids)
    return any(
        properties_without_mentions(found, people, ()) != found for found in _properties(event)
    )


def _properties(event: Event) -> list[dict[str, object]]:
    """Whatever they are: a rejected event may have any JSON there, and numbers that JSON has not."""
    found: list[dict[str, object]] = []
    with suppress(ValueError):
        found.append(plain_struct(event.properties))
    with suppress(ValueError):
        found.append({"": orjson.loads(event.properties_json or b"{}")})
    return found

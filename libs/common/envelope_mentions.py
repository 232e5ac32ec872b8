"""What an event says of people around its properties, and how it goes."""

from collections.abc import Callable, Collection

from weir.common.v1.event_pb2 import Event

from libs.common.mentions import PersonIds, reveals_one
from libs.common.message_mentions import clear_text_mentions, remove_struct_mentions


def clean_envelope(
    event: Event,
    people: PersonIds,
    stand_in: Callable[[str], str],
    *,
    person_types: Collection[str] | None,
    names: Collection[str] = (),
) -> None:
    """Removes mentions of people from all of an event but its properties, its session (`clean_session`), its
    own id, and whom it is about; of `context.extra` also fields called one of `names`.

    In the ids of group and entity the `stand_in` for a person's id takes its place, so that two groups stay
    two; the id of a request that reveals a person goes. `person_types` are the types of entities whose ids
    are people's, for events that may have nothing to do with the people: a short id is looked for there, in
    `teacher_id` and in `context.extra`; elsewhere it is a version, or a class. None: the event is known to
    name the people, and a short id means the person wherever it is all of a text, and in the id of a request.
    """
    anywhere = people if person_types is None else people.long_ones()
    if event.HasField("entity"):
        entity = event.entity
        entity_id = entity.id
        is_person = person_types is not None and entity.type in person_types
        found = (people if is_person else anywhere).replaced(entity_id, stand_in)
        if found != entity_id:
            entity.id = found
        if entity.type in anywhere.texts:
            entity.type = ""
    if group_id := event.group_id:
        found = anywhere.replaced(group_id, stand_in)
        if found != group_id:
            event.group_id = found
    if (request_id := event.request_id) and reveals_one(request_id, anywhere):
        event.request_id = ""
    if event.HasField("context"):
        context = event.context
        if anywhere is not people and context.teacher_id in people.texts:
            context.teacher_id = ""
        clear_text_mentions(context, anywhere)
        if context.HasField("extra"):
            remove_struct_mentions(context.extra, people, names)
    if event.HasField("attribution"):
        clear_text_mentions(event.attribution, anywhere)


def clean_session(event: Event, people: PersonIds, stand_in: Callable[[str], str]) -> None:
    """Removes mentions of people from a session that is not replaced as a whole: one that is a person, which
    would link the event to that person, goes; in others the `stand_in` for an id takes its place."""
    if session_id := event.session_id:
        found = "" if session_id in people.texts else people.replaced(session_id, stand_in)
        if found != session_id:
            event.session_id = found

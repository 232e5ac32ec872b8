"""Opens the sealed values of stored events, for those who may and say what for (ADR 51)."""

from collections.abc import Sequence
from dataclasses import replace

from libs.events.model import StoredEvent
from libs.sealing import Opening, Place, SubjectKeys
from libs.sealing.values import NO_PERSON, open_properties, sealed_in


async def opened_events(
    events: Sequence[StoredEvent], app_id: str, keys: SubjectKeys, opening: Opening
) -> Sequence[StoredEvent]:
    """The events with the values of sealed properties in place of what is stored; those whose key is
    destroyed stay sealed. Privacy is asked once, and puts it on record, unless nothing is sealed. Raises
    KeysUnavailable."""
    wanted = {sealed.key_id for event in events for _, sealed in sealed_in(event.properties)}
    if not wanted:
        return events
    found = await keys.for_opening(app_id, wanted, opening)
    return [
        replace(event, properties=open_properties(event.properties, found.get, _place(event)))
        for event in events
    ]


def _place(event: StoredEvent) -> Place:
    person = event.person.bytes if event.person else NO_PERSON
    return Place(event.app_id, person, event.event_uuid.bytes)

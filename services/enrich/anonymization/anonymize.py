"""Takes the person out of an event, and leaves what all numbers know of them: the pseudonym. Pure.

The form is that of ingest's events of people who did not agree, so that counting and recounting take both for
the same person and the same session.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from libs.common.ids import uuid8
from libs.common.mentions import PersonIds, ids_of, properties_without_mentions, reveals_person
from libs.common.pseudonym import Pseudonymizer, event_text, person_of, session_text
from services.enrich.anonymization.due import Due

_is_pseudonym = re.compile("[0-9a-f]{32}").fullmatch
_NOBODY = PersonIds(())


@dataclass(frozen=True, slots=True)
class PersonalFields:
    """What an event may say of people; None and "" both for nothing. `event_id` is None if it is the UUID
    itself, `person` has 32 hex digits."""

    event_uuid: uuid.UUID
    event_id: str | None
    subject_id: str | None
    anonymous_id: str | None
    person: str | None
    session_id: str | None
    group_id: str | None
    entity_type: str | None
    entity_id: str | None
    request_id: str | None
    context: Mapping[str, Any] | None
    attribution: Mapping[str, Any] | None
    properties: Mapping[str, Any]


def anonymized(pseudonymizer: Pseudonymizer, due: Due, event: PersonalFields) -> PersonalFields:
    """The event without people. The same again for one that is anonymized already."""
    subject = event.subject_id or ""
    ids = ids_of(subject) if subject else _NOBODY
    person = event.person or person_of(pseudonymizer, due.app_id, subject, event.anonymous_id)
    anonymous_id = person if subject else event.anonymous_id
    entity_type, entity_id = _entity(pseudonymizer, due, event, subject)
    event_uuid, event_id = _event_id(pseudonymizer, due, event, subject)
    group_id, request_id = event.group_id, event.request_id
    return replace(
        event,
        event_uuid=event_uuid,
        event_id=event_id,
        subject_id=None,
        anonymous_id=anonymous_id,
        person=person or None,
        session_id=_session(pseudonymizer, due, event, anonymous_id),
        group_id=group_id and ids.replaced(group_id, lambda _: person),
        entity_type=entity_type,
        entity_id=entity_id,
        request_id=None
        if subject and request_id and reveals_person(request_id, subject)
        else request_id,
        context=_without(event.context, ids, due),
        attribution=_without(event.attribution, ids, due),
        properties=properties_without_mentions(
            dict(event.properties), ids, due.private, due.measures
        ),
    )


def _session(
    pseudonymizer: Pseudonymizer, due: Due, event: PersonalFields, anonymous_id: str | None
) -> str | None:
    """The pseudonym of the session. Without any person it goes: nothing would say that it is one."""
    session_id = event.session_id
    if not session_id or not anonymous_id:
        return None
    if (due.hashes_sessions or not event.subject_id) and _is_pseudonym(session_id):
        return session_id
    return pseudonymizer.pseudonym(due.app_id, session_text(session_id))


def _entity(
    pseudonymizer: Pseudonymizer, due: Due, event: PersonalFields, subject: str
) -> tuple[str | None, str | None]:
    entity_type, entity_id = event.entity_type, event.entity_id
    is_person = entity_id == subject or entity_type in due.entity_types
    if entity_id and is_person and not _is_pseudonym(entity_id):
        entity_id = pseudonymizer.pseudonym(due.app_id, entity_id)
    elif entity_id and subject:
        own = pseudonymizer.pseudonym(due.app_id, subject)
        entity_id = ids_of(subject).replaced(entity_id, lambda _: own)
    if subject and entity_type == subject:
        entity_type = None
    return entity_type, entity_id


def _event_id(
    pseudonymizer: Pseudonymizer, due: Due, event: PersonalFields, subject: str
) -> tuple[uuid.UUID, str | None]:
    """Ids that reveal the person become a UUID of their pseudonym, as at ingest: an event that comes again is
    the same."""
    sent = event.event_id or str(event.event_uuid)
    if not subject or not reveals_person(sent, subject):
        return event.event_uuid, event.event_id
    return keyed_event_uuid(pseudonymizer, due.app_id, sent), None


def keyed_event_uuid(pseudonymizer: Pseudonymizer, app_id: str, event_id: str) -> uuid.UUID:
    """What stands for an event id that reveals a person, as at ingest."""
    digest = bytes.fromhex(pseudonymizer.pseudonym(app_id, event_text(event_id)))
    return uuid.UUID(bytes=uuid8(digest))


def _without(found: Mapping[str, Any] | None, ids: PersonIds, due: Due) -> Mapping[str, Any] | None:
    if not found:
        return found
    return properties_without_mentions(dict(found), ids, {due.subject_name}) or None

"""Whose a stored event is, and whether one of another person may name the person: in SQL for events in
Postgres, in Python for those in files of the archive. Both say the same of every event. Pure.

The pseudonym tells whose an event is. Rows of older releases do not have it until the job
`enrich.fill_person` has been there. Of those the id tells it, and without an id, of a person who had not
agreed, the `anonymous_id`, which is the pseudonym then.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from libs.common.mentions import forms_of
from libs.common.restricted import RestrictedPeople
from libs.common.subject_data import SubjectRef
from libs.events.filtering import Condition

# True, false or NULL, which is as false. One branch for each index.
_OWNED = """(
    person = ANY({persons})
    OR (person IS NULL AND subject_id = {subject_id})
    OR (person IS NULL AND coalesce(subject_id, '') = '' AND anonymous_id = ANY({pseudonyms}))
)"""
OWNED = _OWNED.format(
    persons="%(persons)s::uuid[]",
    subject_id="%(subject_id)s",
    pseudonyms="%(pseudonyms)s::text[]",
)
# The same of the people whose data are restricted, as a condition beside a filter.
_OF_RESTRICTED = _OWNED.format(
    persons="CAST(:restricted AS uuid[])",
    subject_id="ANY(CAST(:restricted_ids AS text[]))",
    pseudonyms="CAST(:restricted_pseudonyms AS text[])",
)
# Where an event may name another person than its own, beside the id of the event itself.
NAMING_TEXTS = ("session_id", "group_id", "entity_type", "entity_id", "request_id")
NAMING_DOCUMENTS = ("context", "attribution", "properties")
# What contains the id only by chance is found as well: `libs.common.mentions` decides. With OFFSET all of it
# is written as one text once for all traces, the texts among it as JSON has them.
MAY_NAME = """EXISTS (
    SELECT FROM (
        SELECT concat_ws(' ', properties::text, context::text, attribution::text, to_jsonb(ARRAY[
            coalesce(event_id, event_uuid::text), session_id, group_id, entity_type, entity_id, request_id
        ])::text) AS written OFFSET 0
    ) AS event, unnest(%(traces)s::text[]) AS trace
    WHERE strpos(written, trace) > 0
)"""
# True or false.
OF_OTHERS = f"({OWNED} IS NOT TRUE AND {MAY_NAME} IS TRUE)"
# An event whose sender's clock was ahead is of the time at which it was received.
BEHIND_FENCE = "least(occurred_at, received_at) <= %(fenced_at)s"


def person_values(subject: SubjectRef) -> Mapping[str, object]:
    """The parameters of these conditions but for `fenced_at`."""
    return {
        "subject_id": subject.subject_id,
        "persons": [UUID(person) for person in subject.persons],
        "pseudonyms": list(subject.persons),
        "traces": traces(subject),
    }


def not_of(people: RestrictedPeople) -> Condition:
    """Leaves out the events of people whose data are restricted: by `OWNED`, of each of them."""
    return Condition(
        f"({_OF_RESTRICTED} IS NOT TRUE)",
        {
            "restricted": sorted(people.persons),
            "restricted_ids": sorted(people.subject_ids),
            "restricted_pseudonyms": sorted(people.pseudonyms),
        },
    )


def is_owned(
    subject: SubjectRef, person: UUID | None, subject_id: str | None, anonymous_id: str | None
) -> bool:
    """`OWNED`, of one event."""
    if person is not None:
        return person.hex in subject.persons
    if subject_id:
        return subject_id == subject.subject_id
    return anonymous_id in subject.persons


def may_name(
    subject: SubjectRef, texts: Iterable[str | None], documents: Iterable[str | None]
) -> bool:
    """`MAY_NAME`, of one event: of its id and its NAMING_TEXTS, and of its NAMING_DOCUMENTS as Postgres
    writes them."""
    return _has_any(texts, forms_of(subject.subject_id)) or _has_any(documents, traces(subject))


def _has_any(texts: Iterable[str | None], forms: Sequence[str]) -> bool:
    return any(form in text for text in texts if text for form in forms)


def is_behind(fenced_at: datetime, occurred_at: datetime, received_at: datetime) -> bool:
    """`BEHIND_FENCE`, of one event."""
    return min(occurred_at, received_at) <= fenced_at


# An erasure asks for them with each event of others in the archive.
@lru_cache(maxsize=16)
def traces(subject: SubjectRef) -> Sequence[str]:
    """Texts of which one stands in each event that names the person, as Postgres writes JSON."""
    return [json.dumps(form, ensure_ascii=False)[1:-1] for form in forms_of(subject.subject_id)]

"""Whose a stored event is, and whether one of another person may name the person: in SQL for events in
Postgres, in Python for those in files of the archive. Both say the same of every event. Pure.

The pseudonym tells whose an event is. Rows of older releases do not have it until the job
`enrich.fill_person` has been there. Of those the id tells it, and without an id, of a person who had not
agreed, the `anonymous_id`, which is the pseudonym then.
"""

import json
from collections.abc import Mapping, Sequence
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
# What contains the id only by chance is found as well: `libs.common.mentions` decides. With OFFSET the
# properties are written as a text once for all traces.
MAY_NAME = """(
    entity_id = %(subject_id)s OR EXISTS (
        SELECT FROM (SELECT properties::text AS written OFFSET 0) AS event,
            unnest(%(traces)s::text[]) AS trace
        WHERE strpos(written, trace) > 0
    )
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


def may_name(subject: SubjectRef, entity_id: str | None, properties: str) -> bool:
    """`MAY_NAME`, of one event, with its properties as Postgres writes them."""
    return entity_id == subject.subject_id or any(trace in properties for trace in traces(subject))


def is_behind(fenced_at: datetime, occurred_at: datetime, received_at: datetime) -> bool:
    """`BEHIND_FENCE`, of one event."""
    return min(occurred_at, received_at) <= fenced_at


# An erasure asks for them with each event of others in the archive.
@lru_cache(maxsize=16)
def traces(subject: SubjectRef) -> Sequence[str]:
    """Texts of which one stands in the properties of each event that names the person, as Postgres writes
    them."""
    return [json.dumps(form, ensure_ascii=False)[1:-1] for form in forms_of(subject.subject_id)]

"""Along which index events are found."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.pseudonym import Pseudonymizer
from libs.events.filtering.reach import Key


@dataclass(frozen=True, slots=True)
class Access:
    """The events for which one of `branches` holds: conditions in SQL, of which no event fulfils two. Along
    an index, those of each come in the order of time."""

    branches: tuple[str, ...]
    parameters: Mapping[str, object]


def access_of(key: Key, pseudonymizer: Pseudonymizer, app_id: str) -> Access:
    """The events of an app with this value in this column."""
    if key.column == "subject_id":
        return of_subject(pseudonymizer, app_id, str(key.value))
    return Access((f"{key.column} = :key",), {"key": key.value})


def of_subject(pseudonymizer: Pseudonymizer, app_id: str, subject_id: str) -> Access:
    """The events of an app that name this subject.

    Indexes find them by `person`. That is the same in the person's events without the id: those are of times
    when the person did not agree, and are not to be found by the id.
    """
    # Rows keep the pseudonym of the epoch in which they were stored.
    current, *earlier = map(uuid.UUID, pseudonymizer.all_epochs(app_id, subject_id))
    parameters: dict[str, object] = {"subject_id": subject_id, "subject_person": current}
    people = ["person = :subject_person"]
    if earlier:
        parameters["subject_people"] = earlier
        people.append("person = ANY(CAST(:subject_people AS uuid[]))")
    # Rows of releases without the column, until the job `enrich.fill_person` has been there.
    people.append("person IS NULL")
    return Access(
        tuple(f"({person} AND subject_id = :subject_id)" for person in people), parameters
    )

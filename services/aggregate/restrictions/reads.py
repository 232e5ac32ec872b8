"""What a read may not show while the processing of a person's data is restricted (GDPR, art. 18)."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from libs.common.errors import FailedPrecondition
from libs.common.pseudonym import Pseudonymizer
from libs.events.filtering import Condition, Node
from libs.events.filtering.reach import person_of


class RestrictedPeople(Protocol):
    """See `libs.rpc.restricted_people`."""

    async def of_app(self, app_id: str) -> Collection[UUID]:
        """All pseudonyms of the people of an app who are restricted now. Raises Unavailable: without an
        answer nothing about people may be shown."""
        ...


class Restrictions:
    """Asked at the beginning of each read: what was restricted before it began is kept from it."""

    def __init__(self, people: RestrictedPeople, pseudonymizer: Pseudonymizer) -> None:
        self._people = people
        self._pseudonymizer = pseudonymizer

    async def check(self, app_id: str, subject_id: str) -> None:
        """Raises FailedPrecondition if the data of this person are restricted, and Unavailable."""
        restricted = set(await self._people.of_app(app_id))
        if restricted.intersection(self._persons(app_id, subject_id)):
            raise _restricted()

    async def conditions(self, app_id: str, found: Node | None) -> tuple[Condition, ...]:
        """Conditions without which events may not be shown; none if no one is restricted. Raises
        FailedPrecondition if the filter asks for the events of a restricted person, and Unavailable."""
        restricted = set(await self._people.of_app(app_id))
        if not restricted:
            return ()
        asked = person_of(found)
        persons = self._persons(app_id, asked) if isinstance(asked, str) else [asked]
        if restricted.intersection(persons):
            raise _restricted()
        return (
            Condition(
                "(person IS NULL OR person <> ALL(CAST(:restricted AS uuid[])))",
                {"restricted": sorted(restricted)},
            ),
        )

    def _persons(self, app_id: str, subject_id: str) -> list[UUID]:
        return [UUID(each) for each in self._pseudonymizer.all_epochs(app_id, subject_id)]


def _restricted() -> FailedPrecondition:
    return FailedPrecondition(
        "the processing of the person's data is restricted", reason="PROCESSING_RESTRICTED"
    )

"""What a read may not show while the processing of a person's data is restricted (GDPR, art. 18)."""

from uuid import UUID

from libs.common.errors import FailedPrecondition
from libs.common.pseudonym import Pseudonymizer
from libs.common.restricted import RestrictedPeople, RestrictionSource
from libs.events.filtering import Condition, Node
from libs.events.filtering.reach import person_of
from libs.events.person import not_of


class Restrictions:
    """Asked at the beginning of each read, and before each page of a long one: what was restricted before it
    began is kept from it."""

    def __init__(self, people: RestrictionSource, pseudonymizer: Pseudonymizer) -> None:
        self._people = people
        self._pseudonymizer = pseudonymizer

    async def check(self, app_id: str, subject_id: str) -> None:
        """Raises FailedPrecondition if the data of this person are restricted, and Unavailable."""
        self._check(await self._people.of_app(app_id), app_id, subject_id)

    async def conditions(self, app_id: str, found: Node | None) -> tuple[Condition, ...]:
        """Conditions without which events may not be shown; none if no one is restricted. Raises
        FailedPrecondition if the filter asks for the events of a restricted person, and Unavailable."""
        restricted = await self._people.of_app(app_id)
        if not restricted:
            return ()
        self._check(restricted, app_id, person_of(found))
        return (not_of(restricted),)

    def _check(self, restricted: RestrictedPeople, app_id: str, asked: str | UUID | None) -> None:
        """Raises FailedPrecondition."""
        persons = {asked}
        if isinstance(asked, str):
            persons = {UUID(each) for each in self._pseudonymizer.all_epochs(app_id, asked)}
        if not set(restricted.persons).isdisjoint(persons):
            raise FailedPrecondition(
                "the processing of the person's data is restricted", reason="PROCESSING_RESTRICTED"
            )

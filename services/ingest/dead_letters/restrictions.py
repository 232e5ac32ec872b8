"""Dead letters of people whose data are restricted: they are kept, not shown, and not replayed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libs.catalog import Catalogs
from libs.common.mentions import PersonIds
from libs.common.restricted import RestrictionSource
from services.ingest.dead_letters.about import is_about


class RestrictedLetters:
    """Asks anew each time: what was restricted before a call is not in its answer."""

    def __init__(
        self,
        people: RestrictionSource,
        catalogs: Catalogs,
        event_of: Callable[[bytes], Mapping[str, Any]],
    ) -> None:
        """`event_of` gives a letter's event as JSON has it."""
        self._people = people
        self._catalogs = catalogs
        self._event_of = event_of

    async def places(self, app_id: str, events: Sequence[bytes]) -> set[int]:
        """The places of the events that are about a restricted person, also under a pseudonym of theirs, and
        of those without a subject in which anything names such a person. Raises Unavailable."""
        if not events:
            return set()
        restricted = await self._people.of_app(app_id)
        if not restricted:
            return set()
        people = PersonIds((*restricted.subject_ids, *restricted.pseudonyms))
        catalog = self._catalogs.current.catalogs.get(app_id)
        return {
            place
            for place, event in enumerate(events)
            if is_about(self._event_of(event), people, catalog)
        }

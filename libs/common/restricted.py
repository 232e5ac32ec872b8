"""Whose data are restricted in an app, for services that show events or numbers of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RestrictedPeople:
    """By their own ids in the app, and by all pseudonyms that they have had. False if there are none."""

    subject_ids: Sequence[str] = ()
    persons: Sequence[UUID] = ()

    def __bool__(self) -> bool:
        return bool(self.subject_ids or self.persons)

    @property
    def pseudonyms(self) -> list[str]:
        """The pseudonyms as an `anonymous_id` has them."""
        return [person.hex for person in self.persons]


class RestrictionSource(Protocol):
    """See `libs.rpc.restricted_people`."""

    async def of_app(self, app_id: str) -> RestrictedPeople:
        """The people of an app who are restricted now. Raises Unavailable: without an answer nothing about
        people may be shown."""
        ...

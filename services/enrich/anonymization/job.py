"""The job that anonymizes stored events on their due day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.catalog import Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.pseudonym import Pseudonymizer
from services.enrich.anonymization.anonymize import PersonalFields, anonymized
from services.enrich.anonymization.due import Due, due_in, leaving_in


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row that still says whom it is about: in which leaf it lies, which version of it was read, when it
    occurred, and what it says."""

    leaf: str
    version: str
    occurred_at: datetime
    fields: PersonalFields


class NamedEvents(Protocol):
    """See `postgres.PostgresNamedEvents`."""

    async def some(self, due: Due) -> Sequence[StoredEvent]:
        """Some of the events that are due and not anonymized; none if all are."""
        ...

    async def replace(
        self, app_id: str, changes: Sequence[tuple[StoredEvent, PersonalFields]]
    ) -> int:
        """Replaces what these rows say; how many were still there, and as they were read."""
        ...

    async def overdue(self, due: Due) -> tuple[int, datetime | None]:
        """How many events are due and not anonymized, and when the oldest of them occurred."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """Events of a name that are due: how many, the oldest, and from when on they are not due."""

    due: Due
    events: int
    oldest: datetime


class Anonymization:
    """Anonymizes what is due by the catalogs in use. Safe to repeat, to interrupt and to run twice at the
    same time: a row that is done is not found again."""

    def __init__(
        self, catalogs: Catalogs, events: NamedEvents, pseudonymizer: Pseudonymizer, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._pseudonymizer = pseudonymizer
        self._clock = clock

    async def anonymize(self) -> Mapping[str, int]:
        """Anonymizes all of it: `anonymized` events."""
        done = 0
        for due in self._due():
            while rows := await self._events.some(due):
                changes = [(row, anonymized(self._pseudonymizer, due, row.fields)) for row in rows]
                done += await self._events.replace(due.app_id, changes)
        return {"anonymized": done}

    async def overdue(self) -> list[Named]:
        """What is due now; changes nothing."""
        found = [(due, *await self._events.overdue(due)) for due in self._due()]
        return [Named(due, events, oldest) for due, events, oldest in found if oldest is not None]

    def _due(self) -> list[Due]:
        now = moment_of(self._clock.now_us())
        catalogs = self._catalogs.current.catalogs
        return [
            due
            for catalog in catalogs.values()
            for due in (*due_in(catalog, now), *leaving_in(catalog, now))
        ]

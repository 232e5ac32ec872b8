"""The search for events of others that name a person, some events at a time.

It goes along what partitions do not change. Rows that a merge moves to another partition, looked at by the
names of partitions, might come to one that is done.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import Catalogs
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Erasure
from libs.stores.erasure_journal import ErasureEntry
from services.enrich.anonymization.anonymize import keyed_event_uuid
from services.enrich.erasure.mentions import without_mentions
from services.enrich.erasure.model import NamingEvent, Place
from services.enrich.erasure.postgres import ErasedEvents

# What a query costs that finds nothing, in events.
_LEAST_COST = 50


@dataclass(frozen=True, slots=True)
class _Rules:
    """What of an event may name a person, by its app's catalog."""

    entity_types: Collection[str]
    measures: Collection[tuple[str, ...]]
    # Of an id that reveals the person: the one that it gets when the event comes again.
    new_id: Callable[[str], UUID]


class MentionSearch:
    """Removes a person from events of others. A part of it looks at `events_at_a_time` events, about."""

    def __init__(
        self,
        catalogs: Catalogs,
        pseudonymizer: Pseudonymizer,
        events: ErasedEvents,
        store: str,
        events_at_a_time: int,
    ) -> None:
        """`store` is what the counts are of."""
        self._catalogs = catalogs
        self._pseudonymizer = pseudonymizer
        self._events = events
        self._store = store
        self._events_at_a_time = events_at_a_time

    async def go_on(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        """Does a part of the search, from where the entry is, in the caller's transaction. Whether no event
        of the app names the person any more."""
        if entry.position.get("mentions_gone"):
            return True
        catalog = self._catalogs.current.catalogs.get(erasure.subject.app_id)
        # Part of a person's events may go, and what others' say stays then.
        if erasure.names is not None or (catalog is not None and not catalog.may_hold_others):
            return True
        rules = _Rules(
            catalog.subject_entity_types if catalog else frozenset(),
            catalog.measures if catalog else frozenset(),
            partial(keyed_event_uuid, self._pseudonymizer, erasure.subject.app_id),
        )
        stored = entry.position.get("place")
        place: Place | None = Place.from_json(stored) if stored else Place.first()
        left = self._events_at_a_time
        while place and left > 0:
            place, examined = await self._some(connection, erasure, entry, rules, place, left)
            left -= max(examined, _LEAST_COST)
        if place:
            entry.position["place"] = place.to_json()
        else:
            entry.position["mentions_gone"] = True
        return place is None

    async def _some(
        self,
        connection: AsyncConnection,
        erasure: Erasure,
        entry: ErasureEntry,
        rules: _Rules,
        place: Place,
        limit: int,
    ) -> tuple[Place | None, int]:
        """Looks at events of one name and class: where to go on, and how many it has looked at."""
        if not place.name:
            return await self._next(connection, erasure, place), 0
        found = await self._events.examine(connection, erasure, place, limit)
        for event in found.naming:
            changed = without_mentions(
                event, erasure.subject, rules.entity_types, rules.measures, rules.new_id
            )
            if changed is not None:
                await self._replace(connection, erasure, entry, place, event.event_uuid, changed)
        behind = found.behind or await self._next(connection, erasure, place)
        return behind, found.events

    async def _replace(
        self,
        connection: AsyncConnection,
        erasure: Erasure,
        entry: ErasureEntry,
        place: Place,
        stored_uuid: UUID,
        changed: NamingEvent,
    ) -> None:
        rows = await self._events.replace(
            connection, erasure.subject.app_id, place.retention_class, stored_uuid, changed
        )
        entry.add(self._store, anonymized=rows)
        day = changed.occurred_at.astimezone(UTC).date().isoformat()
        entry.note_changed(changed.name, day)

    async def _next(
        self, connection: AsyncConnection, erasure: Erasure, place: Place
    ) -> Place | None:
        """Before the events of the next name, or class; None if there is none."""
        app_id, retention_class = erasure.subject.app_id, place.retention_class
        name = await self._events.next_name(connection, app_id, retention_class, place.name)
        return place.next_class() if name is None else Place(retention_class, name)

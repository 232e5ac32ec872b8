"""What enrich holds about a person: events in Postgres, the beginnings of their sessions in Redis."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import Catalogs
from libs.common.subject_data import Erasure, Export, HeldRows, Progress, StoreCounts, SubjectRef
from libs.stores.erasure_journal import ErasureEntry, ErasureJournal
from libs.stores.redis_client import RedisClient
from libs.streams.names import ENRICH, raw_stream, streams_of
from libs.streams.positions import are_handled, redis_now
from services.enrich.archive.people import ArchivedPeople
from services.enrich.erasure.fences import Fences
from services.enrich.erasure.mentions import without_mentions
from services.enrich.erasure.postgres import ErasedEvents
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.subject_rows.postgres import SubjectRows

EVENTS, SESSIONS = "enrich.events", "enrich.sessions"
_FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
# Of partitions without anything to do, so many are looked at in one call.
_LEAVES_AT_A_TIME = 20


class EnrichSubjectData:
    """Implements `libs.common.subject_data.SubjectData`."""

    def __init__(
        self,
        catalogs: Catalogs,
        events: ErasedEvents,
        fences: Fences,
        sessions: RedisSessionStore,
        redis: RedisClient,
        shards: int,
        rows: SubjectRows,
        archive: ArchivedPeople,
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._fences = fences
        self._sessions = sessions
        self._redis = redis
        self._shards = shards
        self._rows = rows
        self._archive = archive
        self._journal = ErasureJournal("enrich")

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """See the port."""
        await self._fences.add(subject, fenced_at)
        return await redis_now(self._redis)

    async def settled(self, appended_before: datetime) -> bool:
        """See the port."""
        streams = streams_of(self._shards, raw_stream)
        return await are_handled(self._redis, streams, ENRICH, appended_before)

    async def erase(self, erasure: Erasure) -> Progress:
        """See the port. First the person's own events, then what others' events say of the person, then the
        archive: nothing of the person comes there any more."""
        async with self._events.engine.begin() as connection:
            entry = await self._journal.open(connection, erasure.request_id)
            try:
                async with connection.begin_nested():
                    done = await self._step(connection, erasure, entry)
            except psycopg.errors.UndefinedTable:
                # A partition was merged into another one: found again by the next call.
                return Progress(False, entry.counts(), entry.changed)
            await self._journal.save(connection, entry)
        archived: Sequence[StoreCounts] = ()
        if done:
            done, archived = await self._archive.erase(erasure)
        return Progress(done, [*entry.counts(), *archived], entry.changed)

    def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """See the port."""
        return self._rows.read(export)

    async def _step(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        entry.add(EVENTS)
        entry.add(SESSIONS)
        if not entry.position.get("own_events_gone"):
            deleted = await self._events.delete_some(connection, erasure)
            if deleted is not None:
                entry.add(EVENTS, erased=len(deleted))
                for name, day, _ in deleted:
                    entry.note_changed(name, day)
                sessions = {session_id for *_, session_id in deleted if session_id}
                gone = await self._sessions.forget(
                    erasure.subject.app_id, self._shards, sorted(sessions)
                )
                entry.add(SESSIONS, erased=gone)
                return False
            entry.position["own_events_gone"] = True
            if kept := await self._events.withheld(connection, erasure):
                why = "; ".join(sorted({erasure.withheld[name] for name in kept}))
                entry.withhold(EVENTS, sum(kept.values()), why)
        return await self._remove_mentions(connection, erasure, entry)

    async def _remove_mentions(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        """Whether no event of the app names the person any more."""
        catalog = self._catalogs.current.catalogs.get(erasure.subject.app_id)
        # Part of a person's events may go, and what others' say stays then.
        if erasure.names is not None or (catalog is not None and not catalog.names_others):
            return True
        entity_types = catalog.subject_entity_types if catalog else frozenset()
        measures = catalog.measures if catalog else frozenset()
        for _ in range(_LEAVES_AT_A_TIME):
            done_leaf = entry.position.get("leaf_done", "")
            leaf = await self._events.next_leaf(connection, done_leaf)
            if leaf is None:
                return True
            after = _position(entry.position.get("after"))
            found = await self._events.naming(connection, erasure, leaf, after)
            if not found:
                entry.position |= {"leaf_done": leaf, "after": None}
                continue
            for event in found:
                changed = without_mentions(event, erasure.subject, entity_types, measures)
                if changed is not None:
                    rows = await self._events.replace(
                        connection, erasure.subject.app_id, leaf, changed
                    )
                    entry.add(EVENTS, anonymized=rows)
                    entry.note_changed(
                        event.name, event.occurred_at.astimezone(UTC).date().isoformat()
                    )
            last = found[-1]
            entry.position["after"] = [last.occurred_at.isoformat(), str(last.event_uuid)]
            return False
        return False


def _position(stored: Sequence[str] | None) -> tuple[datetime, UUID]:
    return _FIRST if stored is None else (datetime.fromisoformat(stored[0]), UUID(stored[1]))

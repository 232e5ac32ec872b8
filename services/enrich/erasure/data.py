"""What enrich holds about a person: events in Postgres, the beginnings of their sessions in Redis."""

import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import Catalogs
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Erasure, Export, HeldRows, Progress, StoreCounts, SubjectRef
from libs.stores.erasure_journal import ErasureEntry, ErasureJournal
from libs.stores.redis_client import RedisClient
from libs.streams.names import ENRICH, raw_stream, streams_of
from libs.streams.positions import are_handled, redis_now
from libs.streams.quarantine_erasure import QuarantineErasure
from services.enrich.archive.people import ArchivedPeople
from services.enrich.erasure.anonymizing import AnonymizedEvents
from services.enrich.erasure.fences import Fences
from services.enrich.erasure.postgres import ErasedEvents, OwnEvent
from services.enrich.erasure.search import MentionSearch
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.subject_rows.postgres import SubjectRows

EVENTS, SESSIONS = "enrich.events", "enrich.sessions"
# Of the 20 that a caller waits; what comes after it, the archive, takes 10 at most.
_CALL_SECONDS = 3.0
# In one transaction, which takes a second or two even if all of them name the person.
_EVENTS_AT_A_TIME = 2_000


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
        quarantine: QuarantineErasure,
        anonymized: AnonymizedEvents,
        pseudonymizer: Pseudonymizer,
        call_seconds: float = _CALL_SECONDS,
        events_at_a_time: int = _EVENTS_AT_A_TIME,
    ) -> None:
        self._events = events
        self._fences = fences
        self._sessions = sessions
        self._redis = redis
        self._shards = shards
        self._rows = rows
        self._archive = archive
        self._quarantine = quarantine
        self._anonymized = anonymized
        self._journal = ErasureJournal("enrich")
        self._call_seconds = call_seconds
        self._mentions = MentionSearch(catalogs, pseudonymizer, events, EVENTS, events_at_a_time)

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """See the port."""
        await self._fences.add(subject, fenced_at)
        return await redis_now(self._redis)

    async def settled(self, appended_before: datetime) -> bool:
        """See the port."""
        streams = streams_of(self._shards, raw_stream)
        return await are_handled(self._redis, streams, ENRICH, appended_before)

    async def erase(self, erasure: Erasure) -> Progress:
        """See the port. First quarantine, then the person's own events, then what others' events say of the
        person, then the archive: nothing of the person comes there any more. Events in quarantine and in the
        archive go in any case: no number is made of them. Works for some seconds, a transaction after the
        other, so that a call that is broken off has done what it had time for."""
        until = time.monotonic() + self._call_seconds
        done, entry = await self._part(erasure)
        while not done and time.monotonic() < until:
            done, entry = await self._part(erasure)
        archived: Sequence[StoreCounts] = ()
        if done:
            done, archived = await self._archive.erase(erasure)
        return Progress(done, [*entry.counts(), *archived], entry.changed)

    async def _part(self, erasure: Erasure) -> tuple[bool, ErasureEntry]:
        """One transaction: whether nothing is left to do in Postgres, and what is done."""
        async with self._events.engine.begin() as connection:
            entry = await self._journal.open(connection, erasure.request_id)
            try:
                async with connection.begin_nested():
                    done = await self._step(connection, erasure, entry)
            except psycopg.errors.UndefinedTable:
                # A partition was merged into another one: found again by the next part.
                done = False
            else:
                await self._journal.save(connection, entry)
        return done, entry

    def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """See the port."""
        return self._rows.read(export)

    async def _step(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        entry.add(EVENTS)
        entry.add(SESSIONS)
        if not await self._quarantine.erase(erasure, entry):
            return False
        if not entry.position.get("own_events_gone"):
            if await self._own_events(connection, erasure, entry):
                return False
            entry.position["own_events_gone"] = True
            if kept := await self._events.withheld(connection, erasure):
                why = "; ".join(sorted({erasure.withheld[name] for name in kept}))
                entry.withhold(EVENTS, sum(kept.values()), why)
        return await self._mentions.go_on(connection, erasure, entry)

    async def _own_events(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        """Anonymizes or deletes some of the person's events; whether there were any."""
        found: Sequence[OwnEvent] | None = None
        # An erasure of some categories has no fence. An event that is sent again would be stored beside the
        # one that stayed, which has another id now, and be counted twice.
        if erasure.anonymizes_events and erasure.names is None:
            found = await self._anonymized.anonymize_some(connection, erasure)
            entry.add(EVENTS, anonymized=len(found or ()))
        if found is None:
            found = await self._events.delete_some(connection, erasure)
            entry.add(EVENTS, erased=len(found or ()))
        if found is None:
            return False
        for name, day, _ in found:
            entry.note_changed(name, day)
        sessions = {session_id for *_, session_id in found if session_id}
        gone = await self._sessions.forget(erasure.subject.app_id, self._shards, sorted(sessions))
        entry.add(SESSIONS, erased=gone)
        return True

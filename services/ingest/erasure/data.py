"""What ingest holds about a person: dead letters."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.catalog import Catalogs
from libs.common.clock import us_of
from libs.common.event_moments import oldest_us
from libs.common.mentions import PersonIds
from libs.common.subject_data import Erasure, Export, HeldRows, Progress, SubjectRef
from libs.stores.erasure_journal import ErasureEntry, ErasureJournal
from libs.stores.redis_client import RedisClient
from libs.streams.names import INGEST
from libs.streams.positions import are_handled, redis_now
from libs.streams.quarantine_erasure import QuarantineErasure
from services.ingest.dead_letters.about import MAY_NAME, traces
from services.ingest.dead_letters.convert import event_of
from services.ingest.erasure.convert import letter_names
from services.ingest.erasure.fences import add_fence
from services.ingest.subject_rows.postgres import SubjectRows

LETTERS = "ingest.dead_letters"
_ROWS_AT_A_TIME = 500
# Whatever they were received: one that came late, before the fence was here, is of the moment of its event.
_CANDIDATES = text(f"""
SELECT dead_letter_id, received_at, name, event FROM ingest.dead_letters
WHERE app_id = :app_id AND (received_at, dead_letter_id) > (:time, :id)
    AND (CAST(:names AS text[]) IS NULL OR name = ANY(:names))
    AND {MAY_NAME.format(":traces")}
ORDER BY received_at, dead_letter_id LIMIT :limit
""")
_DELETE = text("DELETE FROM ingest.dead_letters WHERE dead_letter_id = ANY(:ids)")
_FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


class IngestSubjectData:
    """Implements `libs.common.subject_data.SubjectData`; see `dead_letters.about`."""

    def __init__(
        self,
        catalogs: Catalogs,
        engine: AsyncEngine,
        redis: RedisClient,
        letter_streams: Sequence[str],
        rows: SubjectRows,
        quarantine: QuarantineErasure,
    ) -> None:
        self._catalogs = catalogs
        self._engine = engine
        self._redis = redis
        self._streams = letter_streams
        self._rows = rows
        self._quarantine = quarantine
        self._journal = ErasureJournal("ingest")

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """See the port."""
        await add_fence(self._engine, subject, fenced_at)
        return await redis_now(self._redis)

    async def settled(self, appended_before: datetime) -> bool:
        """See the port."""
        return await are_handled(self._redis, self._streams, INGEST, appended_before)

    async def erase(self, erasure: Erasure) -> Progress:
        """See the port."""
        async with self._engine.begin() as connection:
            entry = await self._journal.open(connection, erasure.request_id)
            entry.add(LETTERS)
            done = await self._quarantine.erase(erasure, entry) and await self._delete_some(
                connection, erasure, entry
            )
            await self._journal.save(connection, entry)
        return Progress(done, entry.counts(), entry.changed)

    def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """See the port."""
        return self._rows.read(export)

    async def _delete_some(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        """Whether there are no more candidates."""
        subject = erasure.subject
        stored = entry.position.get("after")
        time, id_ = (
            _FIRST if stored is None else (datetime.fromisoformat(stored[0]), UUID(stored[1]))
        )
        people = PersonIds(subject.ids)
        newest = self._catalogs.newest(subject.app_id)
        catalog = newest.catalog if newest else None
        rows = (
            await connection.execute(
                _CANDIDATES,
                {
                    "app_id": subject.app_id,
                    "time": time,
                    "id": id_,
                    "names": None if erasure.names is None else list(erasure.names),
                    "traces": traces(subject.ids),
                    "limit": _ROWS_AT_A_TIME,
                },
            )
        ).all()
        fenced_us = us_of(erasure.fenced_at)
        about, withheld = [], Counter[str](entry.position.get("withheld"))
        for row in rows:
            # Each letter may take some milliseconds: others are served in between.
            await asyncio.sleep(0)
            if oldest_us(event_of(row.event), us_of(row.received_at)) > fenced_us:
                continue
            if letter_names(bytes(row.event), people, catalog):
                if row.name in erasure.withheld:
                    withheld[erasure.withheld[row.name]] += 1
                else:
                    about.append(row.dead_letter_id)
        if about:
            deleted = await connection.execute(_DELETE, {"ids": about})
            entry.add(LETTERS, erased=deleted.rowcount)
        if withheld:
            entry.position["withheld"] = dict(withheld)
            entry.withhold(LETTERS, withheld.total(), "; ".join(sorted(withheld)))
        if len(rows) < _ROWS_AT_A_TIME:
            return True
        last = rows[-1]
        entry.position["after"] = [last.received_at.isoformat(), str(last.dead_letter_id)]
        return False

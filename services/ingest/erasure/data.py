"""What ingest holds about a person: dead letters."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from weir.common.v1.event_pb2 import Event

from libs.common.subject_data import Erasure, Export, HeldRows, Progress, SubjectRef
from libs.stores.erasure_journal import ErasureEntry, ErasureJournal
from libs.stores.redis_client import RedisClient
from libs.streams.names import INGEST
from libs.streams.positions import are_handled, redis_now
from services.ingest.erasure.fences import add_fence
from services.ingest.erasure.naming import names_person
from services.ingest.subject_rows.convert import traces
from services.ingest.subject_rows.postgres import SubjectRows

LETTERS = "ingest.dead_letters"
_ROWS_AT_A_TIME = 500
# Letters in which the id or a pseudonym may stand; `names_person` decides.
_CANDIDATES = text("""
SELECT dead_letter_id, received_at, event FROM ingest.dead_letters
WHERE app_id = :app_id AND received_at <= :fenced_at AND (received_at, dead_letter_id) > (:time, :id)
    AND (CAST(:names AS text[]) IS NULL OR name = ANY(:names)) AND NOT name = ANY(:withheld)
    AND EXISTS (SELECT FROM unnest(CAST(:ids AS bytea[])) AS id WHERE position(id IN event) > 0)
ORDER BY received_at, dead_letter_id LIMIT :limit
""")
_DELETE = text("DELETE FROM ingest.dead_letters WHERE dead_letter_id = ANY(:ids)")
_FIRST = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


class IngestSubjectData:
    """Implements `libs.common.subject_data.SubjectData`. A letter that only names the person is removed as
    well: it is no event, and its sender has the answer why."""

    def __init__(
        self,
        engine: AsyncEngine,
        redis: RedisClient,
        letter_streams: Sequence[str],
        rows: SubjectRows,
    ) -> None:
        self._engine = engine
        self._redis = redis
        self._streams = letter_streams
        self._rows = rows
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
            done = await self._delete_some(connection, erasure, entry)
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
        ids = traces((subject.subject_id, *subject.persons))
        rows = (
            await connection.execute(
                _CANDIDATES,
                {
                    "app_id": subject.app_id,
                    "fenced_at": erasure.fenced_at,
                    "time": time,
                    "id": id_,
                    "names": None if erasure.names is None else list(erasure.names),
                    "withheld": sorted(erasure.withheld),
                    "ids": ids,
                    "limit": _ROWS_AT_A_TIME,
                },
            )
        ).all()
        about = [
            row.dead_letter_id
            for row in rows
            if names_person(Event.FromString(bytes(row.event)), subject)
        ]
        if about:
            deleted = await connection.execute(_DELETE, {"ids": about})
            entry.add(LETTERS, erased=deleted.rowcount)
        if len(rows) < _ROWS_AT_A_TIME:
            return True
        last = rows[-1]
        entry.position["after"] = [last.received_at.isoformat(), str(last.dead_letter_id)]
        return False

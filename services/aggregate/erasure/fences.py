"""Fences of aggregate: until when nothing of a person is counted, however it comes back."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import Unavailable
from libs.common.subject_data import SubjectRef
from services.aggregate.recount.model import PostponedError
from services.aggregate.recount.postgres import NEXT_EPOCH, counting_stopped

_ADD = text("""
INSERT INTO aggregate.fences AS known (app_id, person, fenced_at)
SELECT :app_id, person, :fenced_at FROM unnest(CAST(:persons AS uuid[])) AS person
ON CONFLICT (app_id, person) DO UPDATE SET fenced_at = greatest(known.fenced_at, excluded.fenced_at),
    in_force_from = excluded.in_force_from
""")
_MISSING = text("""
SELECT count(*) < cardinality(CAST(:persons AS uuid[])) FROM aggregate.fences
WHERE app_id = :app_id AND person = ANY(CAST(:persons AS uuid[])) AND fenced_at >= :fenced_at
""")


class CountingFences:
    """Adds fences; the transactions that count read them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, subject: SubjectRef, fenced_at: datetime) -> None:
        """From the return on, no process counts what the fence is about. Raises Unavailable if counting is
        too busy."""
        try:
            async with counting_stopped(self._engine) as connection:
                await connection.execute(_ADD, _values(subject, fenced_at))
                await connection.execute(NEXT_EPOCH)
        except PostponedError as error:
            raise Unavailable(str(error), retry_after_seconds=1) from error

    async def add_missing(self, subject: SubjectRef, fenced_at: datetime) -> None:
        """The same, without stopping counting if the fence is there. It is not if a process of a release
        without these fences was asked for it, during an upgrade."""
        async with self._engine.connect() as connection:
            missing = (await connection.execute(_MISSING, _values(subject, fenced_at))).scalar_one()
        if missing:
            await self.add(subject, fenced_at)


def _values(subject: SubjectRef, fenced_at: datetime) -> Mapping[str, object]:
    return {
        "app_id": subject.app_id,
        "persons": list(map(UUID, subject.persons)),
        "fenced_at": fenced_at,
    }

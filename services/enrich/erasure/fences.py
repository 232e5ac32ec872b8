"""Fences: until when nothing of a person is stored.

The transaction that stores a chunk holds a shared lock, and reads how many fences there have been; a new
fence takes the lock alone. So of the two, one sees the other: a chunk is stored before the fence, and erased
with the rest, or is looked at again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, kept_names
from libs.common.pseudonym import Pseudonymizer, persons_of
from libs.common.subject_data import SubjectRef
from services.enrich.model import WorkBatch

# "fenc", "weir".
FENCE_LOCK = "1717921379, 2003134834"
HOLD_FENCES = f"SELECT pg_advisory_xact_lock_shared({FENCE_LOCK})"
# In a statement behind `HOLD_FENCES`, which then sees all fences.
EPOCH = "SELECT epoch FROM enrich.fence_epoch"
_LOCK = text(f"SELECT pg_advisory_xact_lock({FENCE_LOCK})")
_ADD = text("""
INSERT INTO enrich.fences AS known (app_id, person, fenced_at)
SELECT :app_id, person, :fenced_at FROM unnest(CAST(:persons AS uuid[])) AS person
ON CONFLICT (app_id, person) DO UPDATE SET fenced_at = greatest(known.fenced_at, excluded.fenced_at)
""")
_NEXT_EPOCH = text("UPDATE enrich.fence_epoch SET epoch = epoch + 1")
_EPOCH = text(EPOCH)
_US = "(extract(epoch FROM {}) * 1000000)::bigint"
_NEWEST = text(f"SELECT app_id, max({_US.format('fenced_at')}) FROM enrich.fences GROUP BY app_id")
_OF = text(f"""
SELECT app_id, person, {_US.format("fenced_at")} FROM enrich.fences WHERE (app_id, person) IN (
    SELECT * FROM unnest(CAST(:apps AS text[]), CAST(:persons AS uuid[]))
)
""")


class FencesChangedError(Exception):
    """There is a fence that this process did not know of; nothing was stored."""


class Fences:
    """What this process knows of the fences: how many there have been, and the newest of each app. An event
    that occurred and was received later passes without being looked at, and so does one that a law keeps."""

    def __init__(
        self, engine: AsyncEngine, pseudonymizer: Pseudonymizer, catalogs: Catalogs
    ) -> None:
        self._engine = engine
        self._pseudonymizer = pseudonymizer
        self._catalogs = catalogs
        self._newest_us: Mapping[str, int] = {}
        self.epoch: int | None = None

    async def load(self) -> None:
        """Reads them again. Raises what Postgres raises."""
        async with self._engine.connect() as connection:
            # First: a fence that comes in between is looked for once more.
            self.epoch = int((await connection.execute(_EPOCH)).scalar_one())
            self._newest_us = {
                app_id: int(newest) for app_id, newest in await connection.execute(_NEWEST)
            }

    async def add(self, subject: SubjectRef, fenced_at: datetime) -> None:
        """From the return on, no process stores what the fence is about."""
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            await connection.execute(
                _ADD,
                {
                    "app_id": subject.app_id,
                    "persons": list(map(UUID, subject.persons)),
                    "fenced_at": fenced_at,
                },
            )
            await connection.execute(_NEXT_EPOCH)

    async def find(self, batches: Sequence[WorkBatch]) -> list[set[int]]:
        """The positions of the events of each enriched batch that must not be stored or handed on, skipped
        ones as well. One query at most, and none if all are newer than the newest fence of their app."""
        if self.epoch is None:
            await self.load()
        if not self._newest_us:
            return [set() for _ in batches]
        people = [self._people(batch) for batch in batches]
        asked = {
            (batch.app_id, person)
            for batch, found in zip(batches, people, strict=True)
            for persons in found.values()
            for person in persons
        }
        if not asked:
            return [set() for _ in batches]
        fences = await self._read(sorted(asked))
        return [
            {
                position
                for position, persons in found.items()
                if batch.oldest_us(position)
                <= max(fences.get((batch.app_id, person), -1) for person in persons)
            }
            for batch, found in zip(batches, people, strict=True)
        ]

    def _people(self, batch: WorkBatch) -> Mapping[int, Sequence[str]]:
        """The people of the events that may be behind a fence, each in all epochs, by position."""
        newest_us = self._newest_us.get(batch.app_id)
        if newest_us is None:
            return {}
        newest = self._catalogs.newest(batch.app_id)
        kept = newest.derived(kept_names) if newest else {}
        all_of_it = batch.received_at_us <= newest_us
        people = {}
        for position, event in enumerate(batch.enriched):
            if not all_of_it:
                # None: it is skipped, and would be handed on all the same.
                oldest_us = event.occurred_at_us if event else batch.oldest_us(position)
                if oldest_us > newest_us:
                    continue
            message = event.event if event else batch.events[position]
            if message.name in kept:
                continue
            persons = persons_of(
                self._pseudonymizer, batch.app_id, message.subject_id, message.anonymous_id
            )
            if persons:
                people[position] = persons
        return people

    async def _read(self, asked: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        apps, persons = zip(*asked, strict=True)
        values = {"apps": list(apps), "persons": list(map(UUID, persons))}
        async with self._engine.connect() as connection:
            rows = await connection.execute(_OF, values)
            return {(app_id, person.hex): int(moment) for app_id, person, moment in rows}

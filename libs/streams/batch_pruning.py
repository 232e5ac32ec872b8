"""Forgets which batches were handled, once no stream can deliver them again (ADR 19)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.streams.deliverable import BacklogError, BatchSource, deliverable_batches

log = structlog.get_logger()
# One short transaction each.
ROWS_AT_A_TIME = 5_000
_FIRST = uuid.UUID(int=0)


@dataclass(frozen=True)
class BatchTable:
    """A table of handled batches, with `batch_id`, and the column that says when by Postgres's clock."""

    name: str
    handled_at: str


class BatchPruner:
    """Deletes rows of one table: those of batches that were handled more than `kept` ago, and are in none of
    the sources.

    A batch is in one of these from before it is first handled until it was handled for the last time. So one
    that was handled before they are read, and is in none of them, does not come again by itself. `kept` is
    for what comes from outside: an older copy of Redis, an entry that a person had taken out of quarantine,
    an append that ingest repeats because it lost Redis's answer.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        redis: Redis,
        table: BatchTable,
        sources: Sequence[BatchSource],
        kept: timedelta,
    ) -> None:
        self._engine = engine
        self._redis = redis
        self._sources = sources
        self._kept = kept
        # The ids are UUIDv7, so the primary key finds the oldest. If ingest's clock was wrong when it made
        # one, that is no danger: when it was handled, by Postgres's clock, decides.
        self._delete = text(f"""
            DELETE FROM {table.name} WHERE batch_id IN (
                SELECT batch_id FROM {table.name}
                WHERE batch_id > :after AND batch_id < :below AND {table.handled_at} < :before
                    AND batch_id <> ALL(CAST(:deliverable AS uuid[]))
                ORDER BY batch_id LIMIT {ROWS_AT_A_TIME}
            ) RETURNING batch_id
        """)

    async def prune(self) -> Mapping[str, int]:
        """Deletes what can go: `deleted` rows, `deliverable` batches.

        Raises BacklogError, having deleted nothing, when a stream is too long or too large to be read
        through, and what Postgres and Redis raise; safe to cancel and to repeat.
        """
        before = await self._now() - self._kept
        try:
            deliverable = await deliverable_batches(self._redis, self._sources)
        except BacklogError as error:
            log.warning("pruning is postponed", reason=str(error))
            raise
        parameters = {
            "below": first_uuid7(before),
            "before": before,
            "deliverable": [uuid.UUID(bytes=batch_id) for batch_id in deliverable],
        }
        deleted, after = 0, _FIRST
        while True:
            async with self._engine.begin() as connection:
                rows = await connection.execute(self._delete, {**parameters, "after": after})
                ids = rows.scalars().all()
            deleted += len(ids)
            if len(ids) < ROWS_AT_A_TIME:
                return {"deleted": deleted, "deliverable": len(deliverable)}
            after = max(ids)

    async def _now(self) -> datetime:
        """By Postgres's clock, which says when rows were written too."""
        async with self._engine.connect() as connection:
            now = (await connection.execute(text("SELECT now()"))).scalar_one()
            assert isinstance(now, datetime)
            return now


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The lowest UUIDv7 (RFC 9562, section 5.7) of a moment, to the millisecond."""
    return uuid.UUID(int=(int(moment.timestamp() * 1000) << 80) | (0x7 << 76) | (0x2 << 62))

"""Retention runs in Postgres."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import AuditEntry
from services.privacy.audit.postgres import add_entry
from services.privacy.retention.model import RetentionRun, Step

_COLUMNS = "request_id, requested_by, requested_at, finished_at, steps, waiting_because"
ADD = text(
    f"""
    INSERT INTO privacy.retention_runs ({_COLUMNS})
    VALUES (:request_id, :requested_by, :requested_at, NULL, '[]', '')
    ON CONFLICT DO NOTHING RETURNING request_id
    """
)
ONE = text(f"SELECT {_COLUMNS} FROM privacy.retention_runs WHERE request_id = :request_id")
OPEN = text(
    f"""
    SELECT {_COLUMNS} FROM privacy.retention_runs WHERE finished_at IS NULL
    ORDER BY requested_at, request_id
    """
)
SAVE = text(
    """
    UPDATE privacy.retention_runs
    SET finished_at = :finished_at, steps = :steps, waiting_because = :waiting_because
    WHERE request_id = :request_id AND finished_at IS NULL
    """
).bindparams(bindparam("steps", type_=JSONB))
LIST = text(
    f"""
    SELECT {_COLUMNS} FROM privacy.retention_runs
    WHERE CAST(:requested_at AS timestamptz) IS NULL
        OR (requested_at, request_id) < (:requested_at, CAST(:request_id AS uuid))
    ORDER BY requested_at DESC, request_id DESC LIMIT :limit
    """
)


class PostgresRetentionRuns:
    """Implements `driving.Runs`. Every method raises what Postgres raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, run: RetentionRun, entries: Sequence[AuditEntry]) -> RetentionRun:
        """Adds a run with its entries of the audit trail; the one that there is if it was added before."""
        values = {
            "request_id": run.request_id,
            "requested_by": run.requested_by,
            "requested_at": run.requested_at,
        }
        async with self._engine.begin() as connection:
            if (await connection.execute(ADD, values)).one_or_none() is not None:
                for entry in entries:
                    await add_entry(connection, entry)
            row = (await connection.execute(ONE, {"request_id": run.request_id})).one()
        return _run(*row)

    async def open(self) -> list[RetentionRun]:
        """See the port."""
        async with self._engine.connect() as connection:
            return [_run(*row) for row in await connection.execute(OPEN)]

    async def save(self, run: RetentionRun) -> None:
        """See the port."""
        values = {
            "request_id": run.request_id,
            "finished_at": run.finished_at,
            "steps": [{**asdict(step), "counts": dict(step.counts)} for step in run.steps],
            "waiting_because": run.waiting_because,
        }
        async with self._engine.begin() as connection:
            await connection.execute(SAVE, values)

    async def list(
        self, after: tuple[datetime, uuid.UUID] | None, limit: int
    ) -> list[RetentionRun]:
        """The runs behind `after`, the newest first."""
        requested_at, request_id = after or (None, None)
        values = {"requested_at": requested_at, "request_id": request_id, "limit": limit}
        async with self._engine.connect() as connection:
            return [_run(*row) for row in await connection.execute(LIST, values)]


def _run(
    request_id: uuid.UUID,
    requested_by: str,
    requested_at: datetime,
    finished_at: datetime | None,
    steps: Sequence[dict[str, Any]],
    waiting_because: str,
) -> RetentionRun:
    known = tuple(Step(**step) for step in steps)
    return RetentionRun(request_id, requested_by, requested_at, finished_at, known, waiting_because)

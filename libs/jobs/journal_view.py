"""What people ask of the journal: which jobs there are, what became of their runs, and a run right now."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.ids import new_uuid7
from libs.jobs.postgres import journal_transaction
from libs.jobs.runs import JournalEntry, RegisteredJob

_ENTRY = """
    r.id, r.job, r.trigger, r.due_at, r.started_at, r.finished_at, r.outcome, r.counts,
    r.error_type, r.error_message, r.worker AS runner
"""
# Of a job about an app, the name has three parts: see `libs.jobs.job.app_of`.
_OF_APP = """
    (:app = '' OR (split_part({name}, '.', 3) <> '' AND split_part({name}, '.', 2) = :app))
"""
JOBS = text(f"""
    SELECT j.name, j.description, j.schedule, j.catch_up, {_ENTRY}
    FROM jobs.jobs AS j
    LEFT JOIN LATERAL (
        SELECT * FROM jobs.runs WHERE job = j.name ORDER BY id DESC LIMIT 1
    ) AS r ON (true)
    WHERE j.name > :after AND {_OF_APP.format(name="j.name")}
    ORDER BY j.name LIMIT :limit
""")
JOB = text("SELECT name, description, schedule, catch_up FROM jobs.jobs WHERE name = :name")
RUNS = text(f"""
    SELECT {_ENTRY} FROM jobs.runs AS r
    WHERE (CAST(:job AS text) IS NULL OR r.job = :job)
      AND (CAST(:before AS uuid) IS NULL OR r.id < :before)
      AND {_OF_APP.format(name="r.job")}
    ORDER BY r.id DESC LIMIT :limit
""")
RUN = text(f"SELECT {_ENTRY} FROM jobs.runs AS r WHERE r.id = :id")
REQUEST = text("""
    INSERT INTO jobs.runs (id, job, trigger, due_at, outcome)
    SELECT :id, name, 'manual', :due_at, 'requested' FROM jobs.jobs WHERE name = :job
    RETURNING id
""")


class JournalView:
    """Reads the journal, and asks for runs. Every method raises JournalUnavailable."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def jobs(
        self, app: str = "", after: str = "", limit: int | None = None
    ) -> Sequence[RegisteredJob]:
        """The jobs that services have registered, by name, each with its newest run: of one app or all, those
        whose names come after `after`, `limit` at most."""
        parameters = {"app": app, "after": after, "limit": limit}
        async with journal_transaction(self._engine) as connection:
            rows = (await connection.execute(JOBS, parameters)).all()
        return [
            RegisteredJob(name, description, schedule, catch_up, _entry(entry))
            for name, description, schedule, catch_up, *entry in rows
        ]

    async def runs(
        self, job: str | None, limit: int, app: str = "", before: uuid.UUID | None = None
    ) -> Sequence[JournalEntry]:
        """The newest runs, of one job or of all, of one app or all, made before the run `before`; the newest
        first."""
        parameters = {"job": job, "limit": limit, "app": app, "before": before}
        async with journal_transaction(self._engine) as connection:
            rows = (await connection.execute(RUNS, parameters)).all()
        return [entry for row in rows if (entry := _entry(row))]

    async def job(self, name: str) -> RegisteredJob | None:
        """One job."""
        async with journal_transaction(self._engine) as connection:
            row = (await connection.execute(JOB, {"name": name})).one_or_none()
        return RegisteredJob(*row) if row else None

    async def run(self, run_id: uuid.UUID) -> JournalEntry | None:
        """One run."""
        async with journal_transaction(self._engine) as connection:
            row = (await connection.execute(RUN, {"id": run_id})).one_or_none()
        return _entry(row) if row else None

    async def request(self, job: str, due_at: datetime) -> uuid.UUID | None:
        """Asks for a run for any due time, whether it ran for it before or not; None if there is no such job.

        A replica of its service begins it within seconds, unless the job is running already: then after that.
        """
        run_id = uuid.UUID(bytes=new_uuid7())
        async with journal_transaction(self._engine) as connection:
            asked = await connection.execute(REQUEST, {"id": run_id, "job": job, "due_at": due_at})
            return run_id if asked.one_or_none() else None


def _entry(columns: Sequence[Any]) -> JournalEntry | None:
    return JournalEntry(*columns) if columns[0] else None

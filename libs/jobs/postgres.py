"""The journal in Postgres: schema `jobs`, shared by the services that have jobs.

Each call is one short transaction and all times of leases are Postgres's own, so it works behind a pooler in
transaction mode and whatever the replicas' clocks say.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql import bindparam

from libs.common.clock import Clock
from libs.common.ids import new_uuid7
from libs.jobs.job import Job
from libs.jobs.ports import JournalRejected, JournalUnavailable
from libs.jobs.runner import JobRunner
from libs.jobs.runs import Progress, Result, Run
from libs.runtime.process_name import process_name
from libs.stores.postgres import failure_of

# Of one transaction; each takes milliseconds. When a pod is stopped, this and the ten seconds that psycopg
# may need to give up a connection have to fit into the time that Kubernetes gives it.
_TRANSACTION_SECONDS = 15.0

FORGET = text("DELETE FROM jobs.jobs WHERE service = :service AND name <> ALL(:names)")
REGISTER = text("""
    INSERT INTO jobs.jobs (name, service, description, schedule, catch_up)
    VALUES (:name, :service, :description, :schedule, :catch_up)
    ON CONFLICT (name) DO UPDATE SET description = excluded.description,
        schedule = excluded.schedule, catch_up = excluded.catch_up
""")
ABANDON = text("""
    UPDATE jobs.runs SET outcome = 'abandoned', finished_at = now(), error_type = 'LeaseExpired'
    WHERE starts_with(job, :prefix) AND outcome = 'running' AND lease_until < now()
    RETURNING job
""")
ABANDON_REQUESTS = text("""
    UPDATE jobs.runs SET outcome = 'abandoned', finished_at = now(), error_type = 'JobGone'
    WHERE starts_with(job, :prefix) AND outcome = 'requested' AND job <> ALL(:names)
""")
PROGRESS = text("""
    SELECT job.name, newest.due_at, count(runs.id) AS attempts,
        count(*) FILTER (WHERE runs.outcome IN ('failed', 'abandoned')) AS failures,
        coalesce(bool_or(runs.outcome = 'succeeded'), false) AS succeeded,
        max(runs.finished_at) AS finished_at,
        EXISTS (SELECT FROM jobs.runs AS r WHERE r.job = job.name AND r.outcome = 'running')
            AS is_running,
        EXISTS (SELECT FROM jobs.runs AS r WHERE r.job = job.name AND r.outcome = 'requested')
            AS is_requested,
        (SELECT max(finished_at) FROM jobs.runs AS r
            WHERE r.job = job.name AND r.outcome = 'succeeded') AS last_success_at,
        -- No index serves this, so it is read only while a request waits.
        coalesce(CASE
            WHEN EXISTS (SELECT FROM jobs.runs AS r
                WHERE r.job = job.name AND r.outcome = 'requested')
            THEN (SELECT r.trigger = 'manual' FROM jobs.runs AS r
                WHERE r.job = job.name AND r.started_at IS NOT NULL
                ORDER BY r.started_at DESC LIMIT 1)
        END, false) AS was_requested
    FROM unnest(CAST(:jobs AS text[])) AS job(name)
    CROSS JOIN LATERAL (
        SELECT max(due_at) AS due_at FROM jobs.runs AS r
        WHERE r.job = job.name AND r.trigger = 'schedule' AND r.due_at <= :now
    ) AS newest
    LEFT JOIN jobs.runs AS runs
        ON runs.job = job.name AND runs.trigger = 'schedule' AND runs.due_at = newest.due_at
    GROUP BY job.name, newest.due_at
""")
# Three unique indexes decide between replicas: one running run a job, one of each attempt at a due time,
# and one that runs or succeeded a due time.
CLAIM_DUE = text("""
    INSERT INTO jobs.runs
        (id, job, trigger, due_at, attempt, outcome, started_at, worker, lease_until)
    VALUES (:id, :job, 'schedule', :due_at, :attempt, 'running', now(), :runner, now() + :lease)
    ON CONFLICT DO NOTHING RETURNING id
""")
CLAIM_REQUESTED = text("""
    UPDATE jobs.runs
    SET outcome = 'running', started_at = now(), worker = :runner, lease_until = now() + :lease
    WHERE id = (
        SELECT id FROM jobs.runs WHERE job = :job AND outcome = 'requested'
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AND NOT EXISTS (SELECT FROM jobs.runs WHERE job = :job AND outcome = 'running')
    RETURNING id, due_at
""")
RENEW = text("""
    UPDATE jobs.runs SET lease_until = now() + :lease WHERE id = :id AND outcome = 'running'
    RETURNING id
""")
FINISH = text("""
    UPDATE jobs.runs SET outcome = :outcome, finished_at = now(), counts = :counts,
        error_type = :error_type, error_message = :error_message
    WHERE id = :id AND outcome = 'running'
    RETURNING id
""").bindparams(bindparam("counts", type_=JSONB))


class PostgresJournal:
    """Implements `ports.Journal`; `runner` is the name of this process, in the column `worker`."""

    def __init__(self, engine: AsyncEngine, runner: str) -> None:
        self._engine = engine
        self._runner = runner

    async def register(self, service: str, jobs: Sequence[Job]) -> None:
        """See the port."""
        async with journal_transaction(self._engine) as connection:
            names = [job.name for job in jobs]
            await connection.execute(FORGET, {"service": service, "names": names})
            await connection.execute(ABANDON_REQUESTS, {"prefix": _prefix(service), "names": names})
            for job in sorted(jobs, key=lambda job: job.name):
                declared = {
                    "name": job.name,
                    "service": service,
                    "description": job.description,
                    "schedule": job.schedule.expression,
                    "catch_up": job.catch_up.value,
                }
                await connection.execute(REGISTER, declared)

    async def abandon_expired(self, service: str) -> Sequence[str]:
        """See the port."""
        async with journal_transaction(self._engine) as connection:
            rows = await connection.execute(ABANDON, {"prefix": _prefix(service)})
            return list(rows.scalars())

    async def progress(self, jobs: Sequence[str], now: datetime) -> Mapping[str, Progress]:
        """See the port."""
        async with journal_transaction(self._engine) as connection:
            rows = await connection.execute(PROGRESS, {"jobs": list(jobs), "now": now})
            return {name: Progress(*values) for name, *values in rows}

    async def claim_due(
        self, job: str, due_at: datetime, attempt: int, lease: timedelta
    ) -> Run | None:
        """See the port."""
        run = Run(uuid.UUID(bytes=new_uuid7()), job, due_at)
        claim = {"id": run.run_id, "job": job, "due_at": due_at, "attempt": attempt}
        claimed = await self._changes(CLAIM_DUE, **claim, runner=self._runner, lease=lease)
        return run if claimed else None

    async def claim_requested(self, job: str, lease: timedelta) -> Run | None:
        """See the port."""
        try:
            async with journal_transaction(self._engine) as connection:
                claim = {"job": job, "runner": self._runner, "lease": lease}
                row = (await connection.execute(CLAIM_REQUESTED, claim)).one_or_none()
        except JournalRejected as error:
            # Another replica began a run of the job at the same moment.
            if isinstance(error.__cause__, IntegrityError):
                return None
            raise
        return Run(row.id, job, row.due_at) if row else None

    async def renew(self, run_id: uuid.UUID, lease: timedelta) -> bool:
        """See the port."""
        return await self._changes(RENEW, id=run_id, lease=lease)

    async def finish(self, run_id: uuid.UUID, result: Result) -> bool:
        """See the port."""
        return await self._changes(
            FINISH,
            id=run_id,
            outcome=result.outcome.value,
            counts=dict(result.counts),
            error_type=result.error_type,
            error_message=result.error_message,
        )

    async def _changes(self, statement: TextClause, **parameters: object) -> bool:
        """Whether a statement changed a row."""
        async with journal_transaction(self._engine) as connection:
            return (await connection.execute(statement, parameters)).one_or_none() is not None


@asynccontextmanager
async def journal_transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction in which what Postgres raises becomes JournalUnavailable, or JournalRejected when it is
    about the values."""
    try:
        async with asyncio.timeout(_TRANSACTION_SECONDS), engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        # A schema that is not migrated yet makes the journal unavailable: it is waited for.
        kind = JournalUnavailable if failure_of(error) else JournalRejected
        raise kind(type(error).__name__) from error


def create_runner(
    service: str,
    jobs: Sequence[Job] | Callable[[], Sequence[Job]],
    engine: AsyncEngine,
    clock: Clock,
    requested: asyncio.Event,
) -> JobRunner:
    """The runner of this process for the jobs of its service: always the same ones, or what `jobs` returns
    each time. `requested` is set by the process's views of the journal."""
    current = jobs if callable(jobs) else lambda: jobs
    journal = PostgresJournal(engine, process_name())
    return JobRunner(service, current, journal, clock, requested=requested)


def _prefix(service: str) -> str:
    """What the names of its jobs begin with."""
    return f"{service}."

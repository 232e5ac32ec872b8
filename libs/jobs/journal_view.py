"""What people ask of the journal: which jobs there are, what became of their runs, and a run right now."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, moment_of
from libs.common.errors import InvalidArgument, LimitExceeded
from libs.common.ids import new_uuid7
from libs.jobs.postgres import journal_transaction
from libs.jobs.runs import JournalEntry, RegisteredJob

# Waiting requests of one job. A runner begins one each time it looks, and other runs go in between.
MAX_REQUESTED_RUNS = 100
# About as often as a runner looks: then one of them may have begun.
_RETRY_SECONDS = 5.0

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
REQUESTED = text(f"""
    SELECT {_ENTRY} FROM jobs.runs AS r
    WHERE r.job = :job AND r.trigger = 'manual' AND r.due_at = :due_at ORDER BY r.id DESC
""")
RUN = text(f"SELECT {_ENTRY} FROM jobs.runs AS r WHERE r.id = :id")
# The lock on the job makes requests for it wait for each other, so that each sees those before it.
LOCK_JOB = text("SELECT name FROM jobs.jobs WHERE name = :job FOR NO KEY UPDATE")
WAITING = text("""
    SELECT count(*), (array_agg(id ORDER BY id) FILTER (WHERE due_at = :due_at))[1]
    FROM jobs.runs WHERE job = :job AND outcome = 'requested'
""")
REQUEST = text("""
    INSERT INTO jobs.runs (id, job, trigger, due_at, outcome)
    VALUES (:id, :job, 'manual', :due_at, 'requested')
""")


class JournalView:
    """Reads the journal, and asks for runs. Every method raises JournalUnavailable."""

    def __init__(
        self, engine: AsyncEngine, clock: Clock, requested: asyncio.Event | None = None
    ) -> None:
        """`requested` is set with each request, for the runner of this process."""
        self._engine = engine
        self._clock = clock
        self._requested = requested or asyncio.Event()

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

    async def requested(self, job: str, due_at: datetime) -> Sequence[JournalEntry]:
        """The runs of a job that were asked for and are for this due time, the newest first."""
        async with journal_transaction(self._engine) as connection:
            rows = (await connection.execute(REQUESTED, {"job": job, "due_at": due_at})).all()
        return [entry for row in rows if (entry := _entry(row))]

    async def request(self, job: str, due_at: datetime) -> uuid.UUID | None:
        """Asks for a run for any due time that has passed, whether it ran for it before or not; None if there
        is no such job. If a run for this due time was asked for and has not begun, it is that one.

        The service's runner in this process begins it at once, that of another replica within seconds, unless
        the job is running already: then after that.
        Raises InvalidArgument for a due time after now: the result of a period that has not ended would be
        the newest one until then. Raises LimitExceeded if MAX_REQUESTED_RUNS of the job wait.
        """
        now = moment_of(self._clock.now_us())
        if due_at > now:
            raise InvalidArgument(
                f"must not be after now, {now:%Y-%m-%dT%H:%M:%SZ}", field="due_at"
            )
        wanted = {"job": job, "due_at": due_at}
        async with journal_transaction(self._engine) as connection:
            if (await connection.execute(LOCK_JOB, {"job": job})).one_or_none() is None:
                return None
            count, waiting = (await connection.execute(WAITING, wanted)).one()
            if waiting is not None:
                return uuid.UUID(str(waiting))
            if count >= MAX_REQUESTED_RUNS:
                raise LimitExceeded(
                    f"{count} requested runs of this job wait already",
                    limit="max_requested_runs",
                    value=MAX_REQUESTED_RUNS,
                    retry_after_seconds=_RETRY_SECONDS,
                )
            run_id = uuid.UUID(bytes=new_uuid7())
            await connection.execute(REQUEST, {"id": run_id, **wanted})
        self._requested.set()
        return run_id


def _entry(columns: Sequence[Any]) -> JournalEntry | None:
    return JournalEntry(*columns) if columns[0] else None

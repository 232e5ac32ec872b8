"""Deletes old runs from the journal."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, midnight

ROWS_AT_A_TIME = 5_000
STORE = "jobs.runs"

# Of each job that there is, three things stay however old they are, because runners go by them: the newest
# run; all runs of the newest scheduled due time, from which the next one follows; and the newest success.
_OLD = """
    FROM jobs.runs AS r
    WHERE r.finished_at < :before AND NOT (
        EXISTS (SELECT FROM jobs.jobs AS j WHERE j.name = r.job) AND (
            r.id = (SELECT n.id FROM jobs.runs AS n WHERE n.job = r.job ORDER BY n.id DESC LIMIT 1)
            OR r.trigger = 'schedule' AND r.due_at = (
                SELECT max(n.due_at) FROM jobs.runs AS n
                WHERE n.job = r.job AND n.trigger = 'schedule'
            )
            OR r.outcome = 'succeeded' AND r.finished_at = (
                SELECT max(n.finished_at) FROM jobs.runs AS n
                WHERE n.job = r.job AND n.outcome = 'succeeded'
            )
        )
    )
"""
PRUNE = text(f"DELETE FROM jobs.runs WHERE id IN (SELECT r.id {_OLD} LIMIT :rows)")
OVERDUE = text(f"SELECT count(*), min(r.finished_at) {_OLD}")


async def prune_runs(engine: AsyncEngine, before: datetime) -> int:
    """Deletes runs that ended before a moment, but not the newest of each job that there is; how many. In
    transactions of ROWS_AT_A_TIME rows; safe to cancel and to repeat."""
    deleted = 0
    while True:
        async with engine.begin() as connection:
            found = await connection.execute(PRUNE, {"before": before, "rows": ROWS_AT_A_TIME})
        deleted += found.rowcount
        if found.rowcount < ROWS_AT_A_TIME:
            return deleted


class RunRetention:
    """The limit of the journal, and what is past it."""

    def __init__(self, engine: AsyncEngine, days: float, clock: Clock) -> None:
        self._engine = engine
        self._kept = timedelta(days=days)
        self._clock = clock

    def limit(self) -> RetentionLimit:
        """The limit, in whole days."""
        days = ceil(self._kept / timedelta(days=1))
        setting = "WEIR_AGGREGATE_JOB_RUNS_KEPT_DAYS"
        return RetentionLimit(STORE, days, setting, "aggregate.prune_job_runs")

    async def list_overdue(self) -> Sequence[OverdueData]:
        """The runs that were past the limit when this day began, and are still there."""
        before = midnight(moment_of(self._clock.now_us())) - self._kept
        async with self._engine.connect() as connection:
            runs, oldest = (await connection.execute(OVERDUE, {"before": before})).one()
        days = self.limit().days or 0
        return [OverdueData(STORE, "", "", days, runs, oldest)] if runs else []

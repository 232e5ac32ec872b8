"""Deletes old runs from the journal."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

ROWS_AT_A_TIME = 5_000

# Of each job that there is, three things stay however old they are, because runners go by them: the newest
# run; all runs of the newest scheduled due time, from which the next one follows; and the newest success.
PRUNE = text("""
DELETE FROM jobs.runs WHERE id IN (
    SELECT r.id FROM jobs.runs AS r
    WHERE r.finished_at < now() - CAST(:kept AS interval) AND NOT (
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
    LIMIT :rows
)
""")


async def prune_runs(engine: AsyncEngine, kept: timedelta) -> int:
    """Deletes runs that ended longer ago than `kept`, but not the newest of each job that there is; how many.
    In transactions of ROWS_AT_A_TIME rows; safe to cancel and to repeat."""
    deleted = 0
    while True:
        async with engine.begin() as connection:
            found = await connection.execute(PRUNE, {"kept": kept, "rows": ROWS_AT_A_TIME})
        deleted += found.rowcount
        if found.rowcount < ROWS_AT_A_TIME:
            return deleted

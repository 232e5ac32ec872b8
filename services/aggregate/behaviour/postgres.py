"""Reading who was active when, from Postgres."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Period
from services.aggregate.model import ActiveCount

# Who was active when, from the members of the built-in rollup `activity`, whose buckets are days; for
# each person the period in which they were seen first; and how many of each cohort were active when.
SELECT_RETENTION = text("""
WITH active AS (
    SELECT DISTINCT m.member, date_trunc(:period, c.bucket, 'UTC') AS period
    FROM aggregate.cells c JOIN aggregate.members m USING (cell_id)
    WHERE c.app_id = :app_id AND c.rollup = 'activity' AND m.metric = 'active_users'
), cohorts AS (
    SELECT period, min(period) OVER (PARTITION BY member) AS cohort FROM active
)
SELECT cohort, period, count(*) AS people, max(max(period)) OVER () AS newest
FROM cohorts
GROUP BY cohort, period
""")


class PostgresActivityReader:
    """Implements `ports.ActivityReader`; a replica may serve it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def active_counts(
        self, app_id: str, period: Period
    ) -> tuple[datetime | None, list[ActiveCount]]:
        """See the port."""
        async with self._engine.connect() as connection:
            found = await connection.execute(
                SELECT_RETENTION, {"app_id": app_id, "period": str(period)}
            )
            rows = found.all()
        counts = [ActiveCount(row.cohort, row.period, row.people) for row in rows]
        return (rows[0].newest if rows else None), counts

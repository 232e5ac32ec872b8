"""Reads the cohorts of a table from the members of rollups. Values come in as parameters only."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import CohortTable
from libs.common.clock import EPOCH
from services.aggregate.named_metrics.model import Span
from services.aggregate.named_metrics.sql import Statement, measure_of
from services.aggregate.plan import AppPlan
from services.aggregate.results.cohorts.table import FoundCohort, rows
from services.aggregate.results.model import ResultCell, ResultPeriod

# The day on which each person entered first, among all cells that are kept, and those of activity since.
_PEOPLE = """
WITH entry_cells AS ({entry}), active_cells AS ({active}),
entered AS MATERIALIZED (
    SELECT m.member, min(c.bucket) AS day, date_trunc('week', min(c.bucket), 'UTC') AS cohort
    FROM entry_cells AS c JOIN aggregate.members AS m USING (cell_id)
    WHERE m.metric = :entry_metric GROUP BY m.member HAVING min(c.bucket) >= :first
), active AS MATERIALIZED (
    SELECT DISTINCT e.cohort, e.member, e.day, c.bucket
    FROM active_cells AS c JOIN aggregate.members AS m USING (cell_id)
    JOIN entered AS e ON e.member = m.member AND c.bucket >= e.day
    WHERE m.metric = :active_metric
)
"""
# `after`: of how many days; NULL for a week, or for all people of the cohort if there is no week either.
_COUNTS = f"""
{_PEOPLE}
SELECT cohort, CAST(NULL AS timestamptz) AS week, CAST(NULL AS int) AS after, 0 AS active, count(*) AS people
FROM entered GROUP BY cohort
UNION ALL
SELECT cohort, date_trunc('week', bucket, 'UTC') AS week, NULL, count(DISTINCT member), 0
FROM active GROUP BY cohort, week
UNION ALL
SELECT e.cohort, NULL, after, count(a.member), count(*)
FROM entered AS e CROSS JOIN unnest(CAST(:days AS int[])) AS after
LEFT JOIN active AS a ON a.member = e.member AND a.bucket = e.day + make_interval(days => after)
WHERE e.day + make_interval(days => after + 1) <= :end
GROUP BY e.cohort, after
"""


async def cohort_cells(
    connection: AsyncConnection, app: AppPlan, table: CohortTable, period: ResultPeriod
) -> Sequence[ResultCell]:
    """The rows of a table whose last week is the period."""
    statement = Statement(app, (), ())
    first = period.end - timedelta(weeks=table.weeks)
    ever, recent = Span(EPOCH, period.end), Span(first, period.end)
    entry = statement.cells("e", table.entry, [(0, 0, ever)])
    active = statement.cells("a", table.active, [(0, 0, recent)])
    parameters = {
        **statement.parameters,
        "entry_metric": measure_of(app.rollups[table.entry.rollup], table.entry.metric),
        "active_metric": measure_of(app.rollups[table.active.rollup], table.active.metric),
        "first": first,
        "end": period.end,
        "days": list(table.days),
    }
    people: dict[datetime, int] = {}
    by_week: defaultdict[datetime, dict[datetime, int]] = defaultdict(dict)
    by_day: defaultdict[datetime, dict[int, tuple[int, int]]] = defaultdict(dict)
    sql = text(_COUNTS.format(entry=entry, active=active))
    for row in await connection.execute(sql, parameters):
        if row.after is not None:
            by_day[row.cohort][row.after] = row.people, row.active
        elif row.week is not None:
            by_week[row.cohort][row.week] = row.active
        else:
            people[row.cohort] = row.people
    found = (
        FoundCohort(start, people[start], by_week[start], by_day[start]) for start in sorted(people)
    )
    return list(rows(table, found, period.end))

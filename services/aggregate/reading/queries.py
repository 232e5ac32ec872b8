"""Reading the numbers from Postgres. Values come in as parameters only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Period
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.model import (
    ActiveCount,
    Cell,
    CellQuery,
    CellState,
    Measure,
    Position,
    StoredCell,
)
from services.aggregate.plan import AppPlan
from services.aggregate.values import cell_values

# One page of cells with their measures. {conditions} are fixed texts of CONDITIONS, repeated for each
# filter with a number; all values are parameters.
SELECT_CELLS = """
WITH page AS (
    SELECT cell_id, bucket, dimensions
    FROM aggregate.cells
    WHERE app_id = :app_id AND rollup = :rollup {conditions}
    ORDER BY bucket, dimensions, cell_id
    LIMIT :limit
)
SELECT p.cell_id, p.bucket, p.dimensions, p.dimensions::text AS dimensions_text,
       m.metric, m.count, m.total, m.minimum, m.maximum
FROM page p LEFT JOIN aggregate.measures m USING (cell_id)
ORDER BY p.bucket, p.dimensions, p.cell_id
"""
CONDITIONS = {
    "start": "AND bucket >= :start",
    "end": "AND bucket < :end",
    "after": "AND (bucket, dimensions, cell_id)"
    " > (:after_bucket, CAST(:after_dimensions AS jsonb), CAST(:after_cell AS uuid))",
    # A cell from before the catalog had the dimension has no such key: that is null as well.
    "missing": "AND coalesce(dimensions -> :name{n}, 'null'::jsonb) = 'null'::jsonb",
    # As text, because on a command line there is nothing else: 5 is found by "5" too.
    "text": "AND dimensions ->> :name{n} = :value{n}",
    "json": "AND dimensions -> :name{n} = CAST(:value{n} AS jsonb)",
}

# The cells of the newest bucket of each rollup, which the index finds without reading others.
SELECT_NEWEST = text("""
SELECT c.cell_id, c.rollup, c.bucket, c.dimensions,
       m.metric, m.count, m.total, m.minimum, m.maximum, m.version
FROM unnest(CAST(:rollups AS text[])) AS wanted (rollup)
CROSS JOIN LATERAL (
    SELECT max(bucket) AS bucket FROM aggregate.cells
    WHERE app_id = :app_id AND rollup = wanted.rollup
) AS newest
JOIN aggregate.cells c
    ON c.app_id = :app_id AND c.rollup = wanted.rollup AND c.bucket = newest.bucket
JOIN aggregate.measures m USING (cell_id)
""")

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


class PostgresCellReader:
    """Implements `ports.CellReader`."""

    def __init__(self, engine: AsyncEngine, plans: Mapping[str, AppPlan]) -> None:
        self._engine = engine
        self._plans = plans

    async def cells(self, query: CellQuery) -> list[StoredCell]:
        """See the port."""
        statement, parameters = _select_cells(query)
        found: dict[str, StoredCell] = {}
        measures: dict[str, dict[str, Measure]] = {}
        for row in await self._rows(statement, parameters):
            cell_id = row.cell_id.hex
            if cell_id not in found:
                position = Position(row.bucket, row.dimensions_text, cell_id)
                measures[cell_id] = {}
                found[cell_id] = StoredCell(position, row.dimensions, measures[cell_id])
            if row.metric is not None:
                measures[cell_id][row.metric] = Measure(
                    row.count, row.total, row.minimum, row.maximum
                )
        return list(found.values())

    async def newest_cells(self, app_id: str, rollups: Sequence[str]) -> list[CellState]:
        """See the port."""
        cells: dict[bytes, Cell] = {}
        versions: dict[bytes, int] = {}
        measures: dict[bytes, dict[str, Measure]] = {}
        parameters = {"app_id": app_id, "rollups": list(rollups)}
        for row in await self._rows(SELECT_NEWEST, parameters):
            cell_id = row.cell_id.bytes
            if cell_id not in cells:
                bucket = seconds_since_epoch(row.bucket)
                content = orjson.dumps(row.dimensions, option=orjson.OPT_SORT_KEYS)
                cells[cell_id] = Cell(cell_id, app_id, row.rollup, bucket, content)
            versions[cell_id] = max(versions.get(cell_id, 0), row.version)
            measures.setdefault(cell_id, {})[row.metric] = Measure(
                row.count, row.total, row.minimum, row.maximum
            )
        rollup_plans = self._plans[app_id].rollups
        return [
            CellState(
                cell, versions[cell_id], cell_values(rollup_plans[cell.rollup], measures[cell_id])
            )
            for cell_id, cell in cells.items()
        ]

    async def active_counts(
        self, app_id: str, period: Period
    ) -> tuple[datetime | None, list[ActiveCount]]:
        """See the port."""
        rows = await self._rows(SELECT_RETENTION, {"app_id": app_id, "period": str(period)})
        counts = [ActiveCount(row.cohort, row.period, row.people) for row in rows]
        return (rows[0].newest if rows else None), counts

    async def _rows(self, statement: TextClause, parameters: Mapping[str, object]) -> list[Any]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(statement, parameters))


def _select_cells(query: CellQuery) -> tuple[TextClause, dict[str, object]]:
    conditions: list[str] = []
    parameters: dict[str, object] = {
        "app_id": query.app_id,
        "rollup": query.rollup,
        "limit": query.limit,
    }
    if query.start is not None:
        conditions.append(CONDITIONS["start"])
        parameters["start"] = query.start
    if query.end is not None:
        conditions.append(CONDITIONS["end"])
        parameters["end"] = query.end
    if query.after is not None:
        conditions.append(CONDITIONS["after"])
        parameters["after_bucket"] = query.after.bucket
        parameters["after_dimensions"] = query.after.dimensions
        parameters["after_cell"] = query.after.cell_id
    for number, (name, value) in enumerate(query.filters.items()):
        kind = "missing" if value is None else "text" if isinstance(value, str) else "json"
        conditions.append(CONDITIONS[kind].format(n=number))
        parameters[f"name{number}"] = name
        if value is not None:
            parameters[f"value{number}"] = (
                value if isinstance(value, str) else orjson.dumps(value).decode()
            )
    return text(SELECT_CELLS.format(conditions=" ".join(conditions))), parameters

"""Reading the numbers from Postgres. Values come in as parameters only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Period
from libs.common.errors import InvalidArgument
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.model import (
    ActiveCount,
    Cell,
    CellPage,
    CellQuery,
    CellState,
    Measure,
    Position,
    StoredCell,
)
from services.aggregate.plan import AppPlan
from services.aggregate.reading.sizes import DIMENSIONS_BYTES, MESSAGE_BYTES, bounded_dimensions
from services.aggregate.values import cell_values

# One page of cells with their measures: at most :limit cells, and no more than hold :page_bytes of
# dimensions, but one in any case; `found` is how many there would be without the second limit. Dimensions
# of more than :cell_bytes are NULL here, and read one by one. They are not even written out when their
# stored form, which may be compressed, is that long; else no more of them than shows that they are.
# {conditions} are fixed texts of CONDITIONS, repeated for each filter with a number; all values are
# parameters.
SELECT_CELLS = """
WITH page AS MATERIALIZED (
    SELECT cell_id, bucket, dimensions,
           CASE WHEN pg_column_size(dimensions) <= :cell_bytes
                THEN left(dimensions::text, :cell_bytes + 1) END AS content
    FROM aggregate.cells
    WHERE app_id = :app_id AND rollup = :rollup {conditions}
    ORDER BY bucket, dimensions, cell_id
    LIMIT :limit
), placed AS (
    SELECT cell_id, bucket,
           CASE WHEN octet_length(content) <= :cell_bytes THEN content END AS content,
           row_number() OVER in_order AS place,
           sum(least(coalesce(octet_length(content), :cell_bytes), :cell_bytes)) OVER in_order AS reach,
           count(*) OVER () AS found
    FROM page
    WINDOW in_order AS (ORDER BY bucket, dimensions, cell_id ROWS UNBOUNDED PRECEDING)
)
SELECT p.cell_id, p.bucket, p.content, p.found, m.metric, m.count, m.total, m.minimum, m.maximum
FROM placed p LEFT JOIN aggregate.measures m USING (cell_id)
WHERE p.place = 1 OR p.reach <= :page_bytes
ORDER BY p.place
"""
CONDITIONS = {
    "start": "AND bucket >= :start",
    "end": "AND bucket < :end",
    "after": "AND (bucket, dimensions, cell_id)"
    " > (:after_bucket, CAST(:after_dimensions AS jsonb), CAST(:after_cell AS uuid))",
    "after_cell": "AND (bucket, dimensions, cell_id) > (SELECT bucket, dimensions, cell_id"
    " FROM aggregate.cells WHERE cell_id = CAST(:after_cell AS uuid))",
    # A cell from before the catalog had the dimension has no such key: that is null as well.
    "missing": "AND coalesce(dimensions -> :name{n}, 'null'::jsonb) = 'null'::jsonb",
    # As text, because on a command line there is nothing else: 5 is found by "5" too.
    "text": "AND dimensions ->> :name{n} = :value{n}",
    "json": "AND dimensions -> :name{n} = CAST(:value{n} AS jsonb)",
}

SELECT_DIMENSIONS = text("""
SELECT dimensions FROM aggregate.cells WHERE cell_id = CAST(:cell_id AS uuid)
""")

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

    async def cells(self, query: CellQuery) -> CellPage:
        """See the port."""
        after = query.after
        if after is not None and after.dimensions is None and not await self._stored(after.cell_id):
            raise InvalidArgument("refers to a cell that is gone: begin again", field="page_token")
        statement, parameters = _select_cells(query)
        found: dict[str, StoredCell] = {}
        measures: dict[str, dict[str, Measure]] = {}
        cells = 0
        for row in await self._rows(statement, parameters):
            cell_id, cells = row.cell_id.hex, row.found
            if cell_id not in found:
                if len(found) == query.limit:
                    break
                dimensions = (
                    await self._cut_dimensions(query.app_id, cell_id)
                    if row.content is None
                    else orjson.loads(row.content)
                )
                measures[cell_id] = {}
                found[cell_id] = StoredCell(
                    Position(row.bucket, row.content, cell_id), dimensions, measures[cell_id]
                )
            if row.metric is not None:
                measures[cell_id][row.metric] = Measure(
                    row.count, row.total, row.minimum, row.maximum
                )
        return CellPage(list(found.values()), cells > len(found))

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

    async def _stored(self, cell_id: str) -> bool:
        return bool(await self._rows(SELECT_DIMENSIONS, {"cell_id": cell_id}))

    async def _cut_dimensions(self, app_id: str, cell_id: str) -> dict[str, Any]:
        """The dimensions of a cell for which a page has no room."""
        rows = await self._rows(SELECT_DIMENSIONS, {"cell_id": cell_id})
        # A cell that was removed a moment ago has no dimensions any more.
        dimensions = rows[0].dimensions if rows else {}
        return bounded_dimensions(dimensions, self._plans[app_id].dimension_characters)

    async def _rows(self, statement: TextClause, parameters: Mapping[str, object]) -> list[Any]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(statement, parameters))


def _select_cells(query: CellQuery) -> tuple[TextClause, dict[str, object]]:
    conditions: list[str] = []
    parameters: dict[str, object] = {
        "app_id": query.app_id,
        "rollup": query.rollup,
        # One more tells whether there is another page.
        "limit": query.limit + 1,
        "cell_bytes": DIMENSIONS_BYTES,
        "page_bytes": MESSAGE_BYTES,
    }
    if query.start is not None:
        conditions.append(CONDITIONS["start"])
        parameters["start"] = query.start
    if query.end is not None:
        conditions.append(CONDITIONS["end"])
        parameters["end"] = query.end
    if query.after is not None:
        parameters["after_cell"] = query.after.cell_id
        if query.after.dimensions is None:
            conditions.append(CONDITIONS["after_cell"])
        else:
            conditions.append(CONDITIONS["after"])
            parameters["after_bucket"] = query.after.bucket
            parameters["after_dimensions"] = query.after.dimensions
    for number, (name, value) in enumerate(query.filters.items()):
        kind = "missing" if value is None else "text" if isinstance(value, str) else "json"
        conditions.append(CONDITIONS[kind].format(n=number))
        parameters[f"name{number}"] = name
        if value is not None:
            parameters[f"value{number}"] = (
                value if isinstance(value, str) else orjson.dumps(value).decode()
            )
    return text(SELECT_CELLS.format(conditions=" ".join(conditions))), parameters

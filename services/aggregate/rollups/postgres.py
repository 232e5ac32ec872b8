"""Reading the numbers from Postgres. Values come in as parameters only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import PageTokenInvalid
from libs.rpc.answer_sizes import MESSAGE_BYTES
from services.aggregate.answer_sizes import (
    DIMENSIONS_BYTES,
    WATCH_PAGE_BYTES,
    bounded_dimensions,
)
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.elapsed.postgres import add_elapsed
from services.aggregate.model import (
    Cell,
    CellPage,
    CellQuery,
    CellState,
    Cursor,
    NewestCells,
    StoredCell,
)
from services.aggregate.plan import AppPlan
from services.aggregate.rollups.cell_pages import ReadCell, grouped
from services.aggregate.suppression.tables import NO_LIMIT
from services.aggregate.suppression.values import shown_values

# At most :limit cells, and no more than hold :page_bytes of dimensions, but one in any case; `found` is how
# many there are without the second limit. Dimensions of more than :cell_bytes are NULL here. They are not
# even written out when their stored form, which may be compressed, is that long; else no more of them than
# shows that they are.
_PAGE = """
WITH page AS MATERIALIZED (
    SELECT cell_id, coalesce(first_id, cell_id) AS watched_id, rollup, bucket, dimensions,
           CASE WHEN pg_column_size(dimensions) <= :cell_bytes
                THEN left(dimensions::text, :cell_bytes + 1) END AS content
    FROM <source>
    ORDER BY <order>
    LIMIT :limit
), placed AS (
    SELECT cell_id, watched_id, rollup, bucket,
           CASE WHEN octet_length(content) <= :cell_bytes THEN content END AS content,
           row_number() OVER in_order AS place,
           sum(least(coalesce(octet_length(content), :cell_bytes), :cell_bytes)) OVER in_order AS reach,
           count(*) OVER () AS found
    FROM page
    WINDOW in_order AS (ORDER BY <order> ROWS UNBOUNDED PRECEDING)
)
SELECT p.cell_id, p.watched_id, p.rollup, p.bucket, p.content, p.found,
       m.metric, m.count, m.total, m.minimum, m.maximum, m.bins, m.first_number, m.last_number, m.version
FROM placed p LEFT JOIN aggregate.measures m USING (cell_id)
WHERE p.place = 1 OR p.reach <= :page_bytes
ORDER BY p.place
"""


def _paged(source: str, *, order: str) -> str:
    """The statement for a page of the cells of `source`, a FROM clause with its conditions; its parameters
    are those of the source and `_page_parameters`."""
    return _PAGE.replace("<source>", source).replace("<order>", order)


# The cells of one rollup; the {conditions} are fixed texts of CONDITIONS, repeated for each filter with a
# number. All values are parameters.
SELECT_CELLS = _paged(
    "aggregate.cells WHERE app_id = :app_id AND rollup = :rollup {conditions}",
    order="bucket, dimensions, cell_id",
)
CONDITIONS = {
    "start": "AND bucket >= :start",
    "end": "AND bucket < :end",
    "after": "AND (bucket, dimensions, cell_id)"
    " > (:after_bucket, CAST(:after_dimensions AS jsonb), CAST(:after_cell AS uuid))",
    "after_cell": "AND (bucket, dimensions, cell_id) > (SELECT bucket, dimensions, cell_id"
    " FROM aggregate.cells WHERE cell_id = CAST(:after_cell AS uuid))",
    # A cell from before the catalog had the dimension has no such key: that is null as well.
    "missing": "AND coalesce(dimensions -> :name{n}, 'null'::jsonb) = 'null'::jsonb",
    # With its type: the number 5 does not find the text "5".
    "value": "AND dimensions -> :name{n} = CAST(:value{n} AS jsonb)",
}

SELECT_DIMENSIONS = text("""
SELECT dimensions FROM aggregate.cells WHERE cell_id = CAST(:cell_id AS uuid)
""")

# The newest bucket of each rollup, which the index finds without reading others.
SELECT_NEWEST_BUCKETS = text("""
SELECT wanted.rollup, newest.bucket
FROM unnest(CAST(:rollups AS text[])) AS wanted (rollup)
CROSS JOIN LATERAL (
    SELECT max(bucket) AS bucket FROM aggregate.cells
    WHERE app_id = :app_id AND rollup = wanted.rollup
) AS newest
WHERE newest.bucket IS NOT NULL
""")

# The cells of those buckets.
SELECT_NEWEST_CELLS = text(
    _paged(
        "aggregate.cells"
        " JOIN unnest(CAST(:rollups AS text[]), CAST(:buckets AS timestamptz[]))"
        " AS newest (rollup, bucket) USING (rollup, bucket)"
        " WHERE app_id = :app_id AND (rollup, cell_id) > (:after_rollup, CAST(:after_cell AS uuid))",
        order="rollup, cell_id",
    )
)
# No cell has it, and every other one comes after it.
_BEFORE_ALL = "", "00000000-0000-0000-0000-000000000000"
# Cells in one page of the newest buckets.
_NEWEST_CELLS = 1_000


class PostgresCellReader:
    """Implements `ports.CellReader`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cells(self, query: CellQuery, app: AppPlan) -> CellPage:
        """See the port."""
        after = query.after
        if after is not None and after.dimensions is None and not await self._stored(after.cell_id):
            raise PageTokenInvalid("refers to a cell that is gone: begin again")
        statement, parameters = _select_cells(query)
        rows = await self._rows(statement, parameters)
        cells, more = await self._grouped(rows, app, query.limit)
        plan = app.rollups[query.rollup]
        if plan.elapsed is not None:
            read = [(cell.bucket, cell.dimensions, cell.measures) for cell in cells]
            async with self._engine.connect() as connection:
                await add_elapsed(connection, app.app_id, plan, read)
        return CellPage(
            [
                StoredCell(
                    Cursor(cell.bucket, cell.content, cell.cell_id.hex),
                    cell.dimensions,
                    cell.measures,
                )
                for cell in cells
            ],
            more,
        )

    async def newest_buckets(self, app_id: str, rollups: Sequence[str]) -> dict[str, datetime]:
        """See the port."""
        parameters: dict[str, object] = {"app_id": app_id, "rollups": list(rollups)}
        rows = await self._rows(SELECT_NEWEST_BUCKETS, parameters)
        return {row.rollup: row.bucket for row in rows}

    async def newest_cells(
        self,
        app: AppPlan,
        buckets: Mapping[str, datetime],
        after: CellState | None,
        least: Mapping[str, int] = MappingProxyType({}),
    ) -> NewestCells:
        """See the port."""
        rollup, cell_id = (after.cell.rollup, after.cell.cell_id.hex()) if after else _BEFORE_ALL
        parameters = {
            "app_id": app.app_id,
            "rollups": list(buckets),
            "buckets": list(buckets.values()),
            "after_rollup": rollup,
            "after_cell": cell_id,
            **_page_parameters(_NEWEST_CELLS, WATCH_PAGE_BYTES),
        }
        rows = await self._rows(SELECT_NEWEST_CELLS, parameters)
        cells, more = await self._grouped(rows, app, _NEWEST_CELLS)
        return NewestCells(
            [_state(app, cell, least.get(cell.rollup, NO_LIMIT)) for cell in cells], more
        )

    async def _stored(self, cell_id: str) -> bool:
        return bool(await self._rows(SELECT_DIMENSIONS, {"cell_id": cell_id}))

    async def _grouped(
        self, rows: Sequence[Any], app: AppPlan, limit: int
    ) -> tuple[list[ReadCell], bool]:
        cells, more = grouped(rows, limit)
        for cell in cells:
            if cell.content is None:
                found = await self._rows(SELECT_DIMENSIONS, {"cell_id": cell.cell_id})
                # A cell that was removed a moment ago has no dimensions any more.
                dimensions = found[0].dimensions if found else {}
                cell.dimensions = bounded_dimensions(dimensions, app.dimension_characters)
        return cells, more

    async def _rows(self, statement: TextClause, parameters: Mapping[str, object]) -> list[Any]:
        async with self._engine.connect() as connection:
            return list(await connection.execute(statement, parameters))


def _state(app: AppPlan, cell: ReadCell, least: int) -> CellState:
    content = orjson.dumps(cell.dimensions, option=orjson.OPT_SORT_KEYS)
    bucket = seconds_since_epoch(cell.bucket)
    return CellState(
        Cell(
            cell.cell_id.bytes,
            app.app_id,
            cell.rollup,
            bucket,
            content,
            first_id=cell.watched_id.bytes,
        ),
        cell.version,
        shown_values(app.rollups[cell.rollup], cell.measures, least),
    )


def _select_cells(query: CellQuery) -> tuple[TextClause, dict[str, object]]:
    conditions: list[str] = []
    parameters: dict[str, object] = {
        "app_id": query.app_id,
        "rollup": query.rollup,
        **_page_parameters(query.limit, MESSAGE_BYTES),
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
        kind = "missing" if value is None else "value"
        conditions.append(CONDITIONS[kind].format(n=number))
        parameters[f"name{number}"] = name
        if value is not None:
            parameters[f"value{number}"] = orjson.dumps(value).decode()
    return text(SELECT_CELLS.format(conditions=" ".join(conditions))), parameters


def _page_parameters(cells: int, page_bytes: int) -> dict[str, object]:
    """The parameters of a page of so many cells and bytes at most."""
    # One cell more tells whether there is another page.
    return {"limit": cells + 1, "cell_bytes": DIMENSIONS_BYTES, "page_bytes": page_bytes}

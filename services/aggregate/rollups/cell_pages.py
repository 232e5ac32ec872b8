"""Pages of stored cells with their measures, limited in number and in bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.aggregate.model import Measure
from services.aggregate.rollups.sizes import DIMENSIONS_BYTES

# At most :limit cells, and no more than hold :page_bytes of dimensions, but one in any case; `found` is how
# many there are without the second limit. Dimensions of more than :cell_bytes are NULL here. They are not
# even written out when their stored form, which may be compressed, is that long; else no more of them than
# shows that they are.
_PAGED = """
WITH page AS MATERIALIZED (
    SELECT cell_id, rollup, bucket, dimensions,
           CASE WHEN pg_column_size(dimensions) <= :cell_bytes
                THEN left(dimensions::text, :cell_bytes + 1) END AS content
    FROM <source>
    ORDER BY <order>
    LIMIT :limit
), placed AS (
    SELECT cell_id, rollup, bucket,
           CASE WHEN octet_length(content) <= :cell_bytes THEN content END AS content,
           row_number() OVER in_order AS place,
           sum(least(coalesce(octet_length(content), :cell_bytes), :cell_bytes)) OVER in_order AS reach,
           count(*) OVER () AS found
    FROM page
    WINDOW in_order AS (ORDER BY <order> ROWS UNBOUNDED PRECEDING)
)
SELECT p.cell_id, p.rollup, p.bucket, p.content, p.found,
       m.metric, m.count, m.total, m.minimum, m.maximum, m.version
FROM placed p LEFT JOIN aggregate.measures m USING (cell_id)
WHERE p.place = 1 OR p.reach <= :page_bytes
ORDER BY p.place
"""


@dataclass(slots=True)
class ReadCell:
    """A cell as it was read. `content` is the JSON of its dimensions, None when that is too long for a
    page: then `dimensions` have yet to be read."""

    cell_id: UUID
    rollup: str
    bucket: datetime
    content: str | None
    dimensions: dict[str, Any]
    measures: dict[str, Measure] = field(default_factory=dict)
    version: int = 0


def paged(source: str, *, order: str) -> str:
    """The statement for a page of the cells of `source`, a FROM clause with its conditions; its parameters
    are those of the source and `page_parameters`."""
    return _PAGED.replace("<source>", source).replace("<order>", order)


def page_parameters(cells: int, page_bytes: int) -> dict[str, object]:
    """The parameters of a page of so many cells and bytes at most."""
    # One cell more tells whether there is another page.
    return {"limit": cells + 1, "cell_bytes": DIMENSIONS_BYTES, "page_bytes": page_bytes}


def grouped(rows: Sequence[Any], limit: int) -> tuple[list[ReadCell], bool]:
    """The first `limit` cells of a page's rows, and whether there are more."""
    cells: dict[UUID, ReadCell] = {}
    for row in rows:
        cell = cells.get(row.cell_id)
        if cell is None:
            if len(cells) == limit:
                break
            dimensions = {} if row.content is None else orjson.loads(row.content)
            cell = cells[row.cell_id] = ReadCell(
                row.cell_id, row.rollup, row.bucket, row.content, dimensions
            )
        if row.metric is not None:
            cell.measures[row.metric] = Measure(row.count, row.total, row.minimum, row.maximum)
            cell.version = max(cell.version, row.version)
    return list(cells.values()), bool(rows) and rows[0].found > len(cells)

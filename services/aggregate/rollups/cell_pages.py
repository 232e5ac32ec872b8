"""The rows of a page, one for each measure, as cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.aggregate.model import Measure


@dataclass(slots=True)
class ReadCell:
    """A cell as it was read, which watchers know by its `watched_id`. `content` is the JSON of its
    dimensions, None when that is too long for a page: then `dimensions` have yet to be read."""

    cell_id: UUID
    watched_id: UUID
    rollup: str
    bucket: datetime
    content: str | None
    dimensions: dict[str, Any]
    measures: dict[str, Measure] = field(default_factory=dict)
    version: int = 0


def read_measure(row: Any) -> Measure:
    """A row's measure, from columns of their names."""
    return Measure(
        row.count, row.total, row.minimum, row.maximum, row.bins, row.first_number, row.last_number
    )


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
                row.cell_id, row.watched_id, row.rollup, row.bucket, row.content, dimensions
            )
        if row.metric is not None:
            cell.measures[row.metric] = read_measure(row)
            cell.version = max(cell.version, row.version)
    return list(cells.values()), bool(rows) and rows[0].found > len(cells)

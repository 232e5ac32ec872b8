"""The cells of a rollup as a table of sparklines: one row for all buckets of the same dimensions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cli.charts import MISSING, sparkline
from cli.number_tables import PROVISIONAL, PROVISIONAL_MARK, shown
from cli.periods import next_start
from cli.tables import Column

# A character each: as many as stand beside dimensions and a number in a terminal of 100 columns.
_MOST_BUCKETS = 60


@dataclass(frozen=True)
class SparklineTable:
    """The table, and the buckets that its sparklines have a character for: where the first and the last one
    begin, how many they are, and how many older ones are left out. `is_marked` says that the last one is
    provisional, `also_provisional` how many of the others are; `has_gaps`, that a row has no value of one."""

    columns: list[Column]
    first: str
    last: str
    shown: int
    left_out: int
    is_marked: bool
    also_provisional: int
    has_gaps: bool


def sparkline_table(cells: Sequence[Mapping[str, Any]], period: str) -> SparklineTable:
    """Dimensions, then for each metric its sparkline and its value of the last bucket, with a mark if this is
    provisional; at least one cell is needed. `period` is hour, day, week or month."""
    starts = list(_buckets(cells, period))
    newest = starts[-_MOST_BUCKETS:]
    series: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        key = json.dumps(cell["dimensions"], sort_keys=True)
        series.setdefault(key, {})[cell["bucket_start"]] = cell
    rows = [found for found in series.values() if any(start in found for start in newest)]
    dimensions = sorted({name for cell in cells for name in cell["dimensions"]})
    metrics = sorted({name for cell in cells for name in cell["metrics"]})
    provisional = {cell["bucket_start"] for cell in cells if cell["completeness"] == PROVISIONAL}
    is_marked = newest[-1] in provisional
    mark = PROVISIONAL_MARK if is_marked else ""
    has_gaps = False
    columns = [
        Column(name, name, [shown(_any_cell(row)["dimensions"].get(name)) for row in rows])
        for name in dimensions
    ]
    for name in metrics:
        values = [
            [row[start]["metrics"].get(name) if start in row else None for start in newest]
            for row in rows
        ]
        has_gaps = has_gaps or any(None in found for found in values)
        # Not broken into lines, as a number is not.
        columns.append(Column(name, name, [sparkline(found) for found in values], is_number=True))
        last = [mark + shown(found[-1], missing=MISSING) for found in values]
        columns.append(Column("last", f"{name}_last", last, is_number=True))
    return SparklineTable(
        columns,
        newest[0],
        newest[-1],
        len(newest),
        len(starts) - len(newest),
        is_marked,
        len(provisional.intersection(newest[:-1])),
        has_gaps,
    )


def _buckets(cells: Sequence[Mapping[str, Any]], period: str) -> Iterator[str]:
    """Where the buckets begin, from the first cell's to the last one's, those without any cell too."""
    starts = {cell["bucket_start"] for cell in cells}
    start, last = (datetime.fromisoformat(found) for found in (min(starts), max(starts)))
    while start <= last:
        yield f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        start = next_start(start, period)


def _any_cell(row: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(iter(row.values()))

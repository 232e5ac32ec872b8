"""The cells of a rollup as a table of sparklines: one row for all buckets of the same dimensions."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.charts import sparkline
from cli.number_tables import shown
from cli.tables import Column

# A character each: as many as stand beside dimensions and a number in a terminal of 100 columns.
_MOST_BUCKETS = 60
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(frozen=True)
class SparklineTable:
    """The table, and the buckets that its sparklines have a character for: where the first and the last one
    begin, how many they are, and how many older ones are left out."""

    columns: list[Column]
    first: str
    last: str
    shown: int
    left_out: int


def sparkline_table(cells: Sequence[Mapping[str, Any]], period: str) -> SparklineTable:
    """Dimensions, then for each metric its sparkline and its newest value; at least one cell is needed.
    `period` is hour, day, week or month."""
    starts = list(_buckets(cells, period))
    newest = starts[-_MOST_BUCKETS:]
    series: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        key = json.dumps(cell["dimensions"], sort_keys=True)
        series.setdefault(key, {})[cell["bucket_start"]] = cell
    rows = [found for found in series.values() if any(start in found for start in newest)]
    dimensions = sorted({name for cell in cells for name in cell["dimensions"]})
    metrics = sorted({name for cell in cells for name in cell["metrics"]})
    columns = [
        Column(name, name, [shown(_any_cell(row)["dimensions"].get(name)) for row in rows])
        for name in dimensions
    ]
    for name in metrics:
        values = [
            [row[start]["metrics"].get(name) if start in row else None for start in newest]
            for row in rows
        ]
        # Not broken into lines, as a number is not.
        columns.append(Column(name, name, [sparkline(found) for found in values], is_number=True))
        last = [
            shown(next((one for one in reversed(found) if one is not None), None))
            for found in values
        ]
        columns.append(Column("last", f"{name}_last", last, is_number=True))
    return SparklineTable(columns, newest[0], newest[-1], len(newest), len(starts) - len(newest))


def _buckets(cells: Sequence[Mapping[str, Any]], period: str) -> Iterator[str]:
    """Where the buckets begin, from the first cell's to the last one's, those without any cell too."""
    starts = {cell["bucket_start"] for cell in cells}
    start, last = (datetime.fromisoformat(found) for found in (min(starts), max(starts)))
    while start <= last:
        yield f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        start = _next_month(start) if period == "month" else start + _LENGTHS[period]


def _next_month(first: datetime) -> datetime:
    # Every month has a 28th, and ends at most three days later.
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1)


def _any_cell(row: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(iter(row.values()))

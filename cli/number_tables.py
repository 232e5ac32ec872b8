"""The columns in which `weir query` shows cells of rollups and cohorts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cli.charts import heat_style
from cli.tables import Column

# The bucket; the first period, and how many people were seen in it first.
CELL_COLUMNS_AT_LEAST = 1
COHORT_COLUMNS_AT_LEAST = 2
PROVISIONAL, PROVISIONAL_MARK = "provisional", "*"


def cell_columns(cells: Sequence[Mapping[str, Any]], *, missing: str) -> list[Column]:
    """Bucket, dimensions, metrics, in this order; `missing` is shown for what a cell does not have."""
    # Sorted: messages keep names in no order.
    dimensions = sorted({name for cell in cells for name in cell["dimensions"]})
    metrics = sorted({name for cell in cells for name in cell["metrics"]})

    def values(kind: str, name: str) -> list[str]:
        return [shown(cell[kind].get(name), missing=missing) for cell in cells]

    return [
        Column("from", "from", [cell["bucket_start"] for cell in cells], is_number=True),
        *(Column(name, name, values("dimensions", name)) for name in dimensions),
        *(Column(name, name, values("metrics", name), is_number=True) for name in metrics),
    ]


def marked_buckets(
    cells: Sequence[Mapping[str, Any]], start: str = "bucket_start"
) -> list[Mapping[str, Any]]:
    """The cells with a mark at the `start` of those that are provisional."""
    return [
        {**cell, start: f"{PROVISIONAL_MARK} {cell[start]}"}
        if cell["completeness"] == PROVISIONAL
        else cell
        for cell in cells
    ]


def completeness_column(cells: Sequence[Mapping[str, Any]]) -> Column:
    """Whether each cell is `provisional` or `final`."""
    return Column("completeness", "completeness", [cell["completeness"] for cell in cells])


def cohort_columns(
    cohorts: Sequence[Mapping[str, Any]],
    period: str,
    *,
    percent: bool,
    by: str = "",
    on_or_after: bool = False,
    marked: bool = True,
) -> list[Column]:
    """First period, the value `by` which they are divided, people, and the people who came back in each
    later period, or their share of the cohort in percent. The nearer to the highest share, the darker the
    cell; what has not happened yet is empty. With `days`, the columns are these days instead of the later
    periods. With `marked`, a number that is provisional has a mark in front."""
    days = next((cohort["days"] for cohort in cohorts if "days" in cohort), None)
    later = days or range(1, max(len(cohort["active"]) for cohort in cohorts))
    sign, suffix = (" %", "_percent") if percent else ("", "")
    prefix = "day " if days else "+"

    def place_of(k: int) -> int:
        return days.index(k) if days else k

    def share(cohort: Mapping[str, Any], k: int) -> tuple[int, int] | None:
        """How many were active, and of how many; None if that time has not come yet."""
        place = place_of(k)
        if place >= len(cohort["active"]):
            return None
        of = cohort["people"][place] if days else cohort["size"]
        return (cohort["active"][place], of) if of or not days else None

    def mark(cohort: Mapping[str, Any], place: int) -> str:
        return PROVISIONAL_MARK if marked and cohort["completeness"][place] == PROVISIONAL else ""

    def size(cohort: Mapping[str, Any]) -> str:
        # Point 0 is the period of the entry. On or after it, it can also be provisional because not all of
        # the cohort were active.
        is_open = not days and (cohort["active"][0] == cohort["size"] or not on_or_after)
        return f"{mark(cohort, 0) if is_open else ''}{cohort['size']}"

    shares = {k: [share(cohort, k) for cohort in cohorts] for k in later}
    highest = max(
        (percent_of(*found) for column in shares.values() for found in column if found), default=0
    )

    def column(k: int) -> Column:
        return Column(
            f"{prefix}{k}{sign}",
            f"{'day' if days else 'after'}_{k}{suffix}",
            [
                "" if found is None else mark(cohort, place_of(k)) + _amount(*found, percent)
                for cohort, found in zip(cohorts, shares[k], strict=True)
            ],
            is_number=True,
            styles=[
                "" if found is None else heat_style(percent_of(*found), highest)
                for found in shares[k]
            ],
        )

    entered = [cohort["start"] for cohort in cohorts]
    values = [
        "(other)" if cohort.get("other") else shown(cohort.get("value")) for cohort in cohorts
    ]
    return [
        Column(f"first seen ({period})", "first_seen", entered, is_number=True),
        *([Column(by, by, values)] if by else []),
        Column("people", "people", [size(cohort) for cohort in cohorts], is_number=True),
        *map(column, later),
    ]


def cohort_completeness_columns(cohorts: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Whether the cohorts' number of each period from the entry's on, or of each day, is `provisional` or
    `final`; empty if that time has not come yet."""
    days = next((cohort["days"] for cohort in cohorts if "days" in cohort), None)
    most = max(len(cohort["completeness"]) for cohort in cohorts)
    names = [f"day_{day}" for day in days] if days else [f"after_{k}" for k in range(most)]
    return [
        Column(
            f"{name}_completeness",
            f"{name}_completeness",
            [
                cohort["completeness"][place] if place < len(cohort["completeness"]) else ""
                for cohort in cohorts
            ],
        )
        for place, name in enumerate(names)
    ]


def _amount(active: int, of: int, percent: bool) -> str:
    return f"{percent_of(active, of):.1f}" if percent else str(active)


def percent_of(active: int, size: int) -> float:
    """The share of a cohort in percent, 0 to 100; 0 of an empty cohort."""
    return 100 * active / size if size else 0.0


def shown(value: Any, *, missing: str = "-") -> str:
    """A value of a cell for people."""
    if value is None:
        return missing
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping | list):
        return json.dumps(value)
    return str(value)


def whole(value: Any) -> Any:
    """Protobuf has doubles only; 3 reads better than 3.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value

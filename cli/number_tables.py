"""The columns in which `weir query` shows cells of rollups and cohorts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cli.charts import heat_style
from cli.tables import Column

# The bucket; the first period, and how many people were seen in it first.
CELL_COLUMNS_AT_LEAST = 1
COHORT_COLUMNS_AT_LEAST = 2
PROVISIONAL, PROVISIONAL_MARK = "provisional", "*"


def cell_columns(cells: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Bucket, dimensions, metrics, in this order."""
    return [
        Column("from", "from", [cell["bucket_start"] for cell in cells], is_number=True),
        *inner_columns(cells, "dimensions"),
        *inner_columns(cells, "metrics", is_number=True),
    ]


def inner_columns(
    rows: Sequence[Mapping[str, Any]], kind: str, *, is_number: bool = False
) -> list[Column]:
    """A column for each name that a row has in `kind`, by name."""
    # Sorted: messages keep names in no order.
    names = sorted({name for row in rows for name in row[kind]}, key=parts_last)
    return [
        Column(name, name, [_text(row[kind].get(name)) for row in rows], is_number)
        for name in names
    ]


def parts_last(name: str) -> tuple[bool, str]:
    """Sorts names of metrics before those of their parts, which have a dot."""
    return "." in name, name


def with_completeness(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns with a mark in the first one at rows that are provisional; CSV has a column of its own."""
    first, *others = columns
    completeness = [row["completeness"] for row in rows]
    marked = [
        f"{PROVISIONAL_MARK} {text}" if word == PROVISIONAL else text
        for text, word in zip(first.cells, completeness, strict=True)
    ]
    return [
        replace(first, cells=marked, in_csv=first.cells),
        *others,
        Column("completeness", "completeness", completeness, only_in_csv=True),
    ]


def group_column(name: str, groups: Sequence[tuple[Any, bool]]) -> Column:
    """Of answers by the value of a field: the value of each group, and whether it is the rest of them."""
    return Column(name, name, ["(other)" if other else _text(value) for value, other in groups])


def cohort_columns(
    cohorts: Sequence[Mapping[str, Any]],
    period: str,
    *,
    percent: bool,
    by: str = "",
    on_or_after: bool = False,
) -> list[Column]:
    """First period, the value `by` which they are divided, people, and the people who came back in each
    later period, or their share of the cohort in percent. The nearer to the highest share, the darker the
    cell; what has not happened yet is empty. With `days`, the columns are these days instead of the later
    periods. A number that is provisional has a mark in front; CSV has columns that say it."""
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
        return PROVISIONAL_MARK if cohort["completeness"][place] == PROVISIONAL else ""

    def size_mark(cohort: Mapping[str, Any]) -> str:
        # Point 0 is the period of the entry. On or after it, it can also be provisional because not all of
        # the cohort were active.
        is_open = not days and (cohort["active"][0] == cohort["size"] or not on_or_after)
        return mark(cohort, 0) if is_open else ""

    shares = {k: [share(cohort, k) for cohort in cohorts] for k in later}
    highest = max(
        (percent_of(*found) for column in shares.values() for found in column if found), default=0
    )

    def column(k: int) -> Column:
        amounts = ["" if found is None else _amount(*found, percent) for found in shares[k]]
        return Column(
            f"{prefix}{k}{sign}",
            f"{'day' if days else 'after'}_{k}{suffix}",
            [
                mark(cohort, place_of(k)) + text if text else ""
                for cohort, text in zip(cohorts, amounts, strict=True)
            ],
            is_number=True,
            in_csv=amounts,
            styles=[
                "" if found is None else heat_style(percent_of(*found), highest)
                for found in shares[k]
            ],
        )

    entered = [cohort["start"] for cohort in cohorts]
    values = [(cohort.get("value"), cohort.get("other", False)) for cohort in cohorts]
    sizes = [str(cohort["size"]) for cohort in cohorts]
    return [
        Column(f"first seen ({period})", "first_seen", entered, is_number=True),
        *([group_column(by, values)] if by else []),
        Column(
            "people",
            "people",
            [size_mark(cohort) + size for cohort, size in zip(cohorts, sizes, strict=True)],
            is_number=True,
            in_csv=sizes,
        ),
        *map(column, later),
        *_completeness_columns(cohorts, days),
    ]


def _completeness_columns(
    cohorts: Sequence[Mapping[str, Any]], days: Sequence[int] | None
) -> list[Column]:
    """Whether the cohorts' number of each period from the entry's on, or of each day, is `provisional` or
    `final`; empty if that time has not come yet."""
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
            only_in_csv=True,
        )
        for place, name in enumerate(names)
    ]


def _amount(active: int, of: int, percent: bool) -> str:
    return f"{percent_of(active, of):.1f}" if percent else str(active)


def percent_of(active: int, size: int) -> float:
    """The share of a cohort in percent, 0 to 100; 0 of an empty cohort."""
    return 100 * active / size if size else 0.0


def _text(value: Any) -> str | None:
    return None if value is None else shown(value)


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

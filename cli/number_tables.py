"""The columns in which `weir query` shows cells of rollups and cohorts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

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


def marked_buckets(cells: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cells with a mark at the buckets of those that are provisional."""
    return [
        {**cell, "bucket_start": f"{PROVISIONAL_MARK} {cell['bucket_start']}"}
        if cell["completeness"] == PROVISIONAL
        else cell
        for cell in cells
    ]


def completeness_column(cells: Sequence[Mapping[str, Any]]) -> Column:
    """Whether each cell is `provisional` or `final`."""
    return Column("completeness", "completeness", [cell["completeness"] for cell in cells])


def cohort_columns(
    cohorts: Sequence[Mapping[str, Any]], period: str, *, percent: bool
) -> list[Column]:
    """First period, people, and the people who came back in each later one, or their share of the cohort
    in percent. What has not happened yet is empty."""
    later = range(1, max(len(cohort["active"]) for cohort in cohorts))
    sign, suffix = (" %", "_percent") if percent else ("", "")

    def cell(cohort: Mapping[str, Any], k: int) -> str:
        if k >= len(cohort["active"]):
            return ""
        active: int = cohort["active"][k]
        return f"{percent_of(active, cohort['size']):.1f}" if percent else str(active)

    return [
        Column(
            f"first seen ({period})",
            "first_seen",
            [cohort["start"] for cohort in cohorts],
            is_number=True,
        ),
        Column("people", "people", [str(cohort["size"]) for cohort in cohorts], is_number=True),
        *(
            Column(
                f"+{k}{sign}",
                f"after_{k}{suffix}",
                [cell(cohort, k) for cohort in cohorts],
                is_number=True,
            )
            for k in later
        ),
    ]


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

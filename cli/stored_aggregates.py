"""Cells in the shape in which Unofficial Communities' document keeps aggregates."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

# The document's word for a period; it has none for an hour.
PERIOD_TYPES = {"day": "daily", "week": "weekly", "month": "monthly"}


def stored_aggregate(
    cell: Mapping[str, Any], rollup: str, period: str, computed_at: str
) -> dict[str, Any]:
    """One cell of a rollup by `period`, a key of PERIOD_TYPES. Both dates are in the period: those of a day
    are equal. `computed_at` is when the answer was made."""
    return {
        "aggregate_type": rollup,
        "period_type": PERIOD_TYPES[period],
        "period_start": _day(cell["bucket_start"]).isoformat(),
        "period_end": (_day(cell["bucket_end"]) - timedelta(days=1)).isoformat(),
        "dimensions": cell["dimensions"],
        "metrics": cell["metrics"],
        "computed_at": computed_at,
    }


def _day(moment: str) -> date:
    return datetime.fromisoformat(moment).date()

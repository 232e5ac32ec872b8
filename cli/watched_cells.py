"""A cell that `weir query watch` prints: of the running bucket, or of one that is over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cli.number_tables import shown
from cli.periods import next_start


def is_past(start: datetime, period: str, now: datetime) -> bool:
    """Whether the bucket of a period that begins at `start` is over."""
    return next_start(start, period) <= now


def watched_line(rollup: str, cell: Mapping[str, Any], past: str = "") -> str:
    """A cell in one line; `past` is the period of a bucket that is over."""
    values = {**cell["dimensions"], **cell["metrics"]}
    words = [
        cell["bucket_start"],
        rollup,
        *([f"(past {past})"] if past else []),
        *(f"{name}={shown(value)}" for name, value in values.items()),
        *([] if cell["metrics"] else ["no events any more"]),
    ]
    return "  ".join(words)

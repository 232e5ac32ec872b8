"""Retention classes: the few periods after which stored events can be dropped as whole partitions.

A period that is not itself a class falls into the next shorter one: events may go early, never
late.
"""

from collections.abc import Mapping
from types import MappingProxyType

KEEP = "keep"

RETENTION_CLASSES: Mapping[str, int | None] = MappingProxyType(
    {
        "1d": 1,
        "7d": 7,
        "30d": 30,
        "90d": 90,
        "1y": 365,
        "2y": 730,
        "3y": 1095,
        "7y": 2555,
        "10y": 3650,
        KEEP: None,
    }
)
"""Days by class name, shortest first; `keep` has no limit."""


def retention_class(days: int | None) -> str:
    """The longest class that is not longer than `days`; `keep` for None.

    Raises ValueError for less than a day: there is no class that short.
    """
    if days is None:
        return KEEP
    name = ""
    for candidate, limit in RETENTION_CLASSES.items():
        if limit is not None and limit <= days:
            name = candidate
    if not name:
        raise ValueError("a retention period is at least one day")
    return name


def tighten(days: int | None, requested_days: int) -> int | None:
    """The period after a client's wish, which may only shorten it. 0 or less: no wish."""
    if requested_days <= 0:
        return days
    return requested_days if days is None else min(days, requested_days)

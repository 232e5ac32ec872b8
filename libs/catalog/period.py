"""The periods of rollups, metrics and jobs."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Period(StrEnum):
    """How long a rollup's bucket is. Buckets begin at midnight UTC, weeks on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


PARTS_OF: Mapping[Period, tuple[Period, ...]] = MappingProxyType(
    {
        Period.HOUR: (Period.HOUR,),
        Period.DAY: (Period.HOUR, Period.DAY),
        Period.WEEK: (Period.HOUR, Period.DAY, Period.WEEK),
        Period.MONTH: (Period.HOUR, Period.DAY, Period.MONTH),
    }
)
"""Of which periods the buckets are whole parts of a period. A week may be in two months."""

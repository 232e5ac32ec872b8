"""The buckets of rollups in time, all in UTC."""

from datetime import datetime, timedelta

_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


def next_start(start: datetime, period: str) -> datetime:
    """Where the bucket after the one that begins at `start` begins; `period` is hour, day, week or month."""
    if period != "month":
        return start + _LENGTHS[period]
    # Every month has a 28th, and ends at most three days later.
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1)

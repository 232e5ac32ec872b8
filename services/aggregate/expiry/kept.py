"""From when on the cells of a rollup are kept. Pure."""

from datetime import datetime, timedelta

from libs.catalog import Period
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch


def first_kept(period: Period, days: int | None, now: datetime) -> int | None:
    """Where the first bucket begins that ended less than `days` ago, in seconds since the epoch; those before
    it have expired. None if cells are kept without limit."""
    if days is None:
        return None
    try:
        first = bucket_start(period, seconds_since_epoch(now - timedelta(days)))
        moment(first)
    except OverflowError:
        # Longer ago than the years that a timestamp can name.
        return None
    return first


def latest(*moments: datetime | None) -> datetime | None:
    """The last of some limits; None if there is none."""
    return max((one for one in moments if one is not None), default=None)


def kept_from(period: Period, days: int | None, now: datetime) -> datetime | None:
    """The same as a moment."""
    first = first_kept(period, days, now)
    return None if first is None else moment(first)

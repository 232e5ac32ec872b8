"""Where a period begins: hour, day, week (Monday), month, all in UTC."""

from datetime import datetime, timedelta

from libs.catalog import Period
from libs.common.clock import EPOCH

SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400
_SECONDS_PER_WEEK = 7 * SECONDS_PER_DAY
# 1970-01-01 was a Thursday; the Monday before it is where weeks are counted from.
_FIRST_MONDAY = -3 * SECONDS_PER_DAY
# 9999-12-31T23:59:59, the last second of both a datetime and a protobuf Timestamp.
_LAST_SECOND = 253_402_300_799


def bucket_start(period: Period, seconds: int) -> int:
    """The first second of the period that holds `seconds`; both count from the Unix epoch."""
    match period:
        case Period.HOUR:
            return seconds - seconds % SECONDS_PER_HOUR
        case Period.DAY:
            return seconds - seconds % SECONDS_PER_DAY
        case Period.WEEK:
            return seconds - (seconds - _FIRST_MONDAY) % _SECONDS_PER_WEEK
        case Period.MONTH:
            day = moment(seconds)
            first = day.replace(day=1, hour=0, minute=0, second=0)
            return seconds_since_epoch(first)


def bucket_end(period: Period, start: int) -> int:
    """The first second after the bucket that begins at `start`; the last second of the year 9999 if the
    bucket does not end before it."""
    match period:
        case Period.HOUR:
            end = start + SECONDS_PER_HOUR
        case Period.DAY:
            end = start + SECONDS_PER_DAY
        case Period.WEEK:
            end = start + _SECONDS_PER_WEEK
        case Period.MONTH:
            # No month has more days: this is in the next one.
            end = start + 31 * SECONDS_PER_DAY
    if end > _LAST_SECOND:
        return _LAST_SECOND
    return bucket_start(period, end)


def first_bucket_from(period: Period, time: datetime) -> int:
    """Where the first bucket begins that does not begin before `time`; the last second of the year 9999 if
    no bucket does."""
    start = bucket_start(period, seconds_since_epoch(time))
    return start if moment(start) == time else bucket_end(period, start)


def periods_between(period: Period, first: datetime, later: datetime) -> int:
    """How many periods after the one that begins at `first` the one that begins at `later` comes."""
    match period:
        case Period.HOUR:
            return (later - first) // timedelta(hours=1)
        case Period.DAY:
            return (later - first).days
        case Period.WEEK:
            return (later - first).days // 7
        case Period.MONTH:
            return (later.year - first.year) * 12 + later.month - first.month


def moment(seconds: int) -> datetime:
    """Seconds since the epoch as a UTC datetime. Raises OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(seconds=seconds)


def seconds_since_epoch(moment: datetime) -> int:
    """A UTC datetime as whole seconds since the epoch, rounded down."""
    return (moment - EPOCH) // timedelta(seconds=1)

"""Which buckets of a rollup are compared at once: those of a day, or a whole week or month. Pure."""

from collections.abc import Iterable
from datetime import datetime

from libs.catalog import Period
from services.aggregate.buckets import (
    bucket_end,
    bucket_start,
    first_bucket_from,
    moment,
    seconds_since_epoch,
)
from services.aggregate.verify.model import VerifiedRollup, Window


def windows_of(
    of: VerifiedRollup, used: Iterable[datetime], start: datetime | None, end: datetime | None
) -> list[Window]:
    """The windows in which one of the moments `used` is, oldest first, without the buckets before that of
    `start` and without those that begin at `end` or later."""
    period = of.rollup.period
    length = Period.DAY if period is Period.HOUR else period
    first = None if start is None else bucket_start(period, seconds_since_epoch(start))
    last = None if end is None else first_bucket_from(period, end)
    found = []
    for window in sorted({bucket_start(length, seconds_since_epoch(one)) for one in used}):
        begins, ends = window, bucket_end(length, window)
        if first is not None:
            begins = max(begins, first)
        if last is not None:
            ends = min(ends, last)
        if begins < ends:
            found.append(Window(of, moment(begins), moment(ends)))
    return found

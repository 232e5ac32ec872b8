"""Which buckets of a rollup are compared at once: as many as have few events, else those of a day, or a whole
week or month. Pure."""

from collections import Counter
from collections.abc import Mapping
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

# Events and cells together: what is compared at once is in memory.
MOST_AT_ONCE = 50_000


def windows_of(
    of: VerifiedRollup, used: Mapping[datetime, int], start: datetime | None, end: datetime | None
) -> list[Window]:
    """The windows of all days that are `used`, by how many events and cells, oldest first; without the
    buckets before that of `start` and without those that begin at `end` or later."""
    period = of.rollup.period
    length = Period.DAY if period is Period.HOUR else period
    first = None if start is None else bucket_start(period, seconds_since_epoch(start))
    last = None if end is None else first_bucket_from(period, end)
    found: list[Window] = []
    for begins, ends in _together(length, used):
        if first is not None:
            begins = max(begins, first)
        if last is not None:
            ends = min(ends, last)
        if begins < ends:
            found.append(Window(of, moment(begins), moment(ends)))
    return found


def _together(length: Period, used: Mapping[datetime, int]) -> list[tuple[int, int]]:
    """Beginnings and ends of neighbours that have few events and cells together."""
    sizes: Counter[int] = Counter()
    for day, size in used.items():
        sizes[bucket_start(length, seconds_since_epoch(day))] += size
    ranges: list[tuple[int, int]] = []
    room = 0
    for begins, size in sorted(sizes.items()):
        if size <= room:
            ranges[-1] = ranges[-1][0], bucket_end(length, begins)
            room -= size
        else:
            ranges.append((begins, bucket_end(length, begins)))
            room = MOST_AT_ONCE - size
    return ranges

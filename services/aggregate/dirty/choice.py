"""Which buckets a request to recount is about. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from libs.catalog import Catalog, Period
from services.aggregate.buckets import (
    bucket_end,
    bucket_start,
    moment,
    seconds_since_epoch,
)
from services.aggregate.counting.generations import BucketKey
from services.aggregate.sealing import recounted_from

# Of the years that a timestamp can name.
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799


@dataclass(frozen=True, slots=True)
class Chosen:
    """Buckets to recount, and how many were left out because events of them, or they themselves, have
    expired."""

    buckets: list[BucketKey]
    sealed: int


def chosen_buckets(
    catalog: Catalog, rollup: str, days: Collection[datetime], start: int, end: int, now: datetime
) -> Chosen:
    """The buckets of a rollup that some days are in and that begin from `start` (inclusive) to `end`
    (exclusive), in seconds since the epoch; of hours, those up to `now`."""
    declared = catalog.rollups[rollup]
    oldest = recounted_from(catalog, declared, now)
    latest = seconds_since_epoch(now)
    starts: set[int] = set()
    for day in days:
        begin = bucket_start(declared.period, seconds_since_epoch(day))
        starts.add(begin)
        if declared.period is Period.HOUR:
            # An event of the future, which a producer's clock may make, is on a day of its own.
            midnight = bucket_end(Period.DAY, begin)
            last = midnight if begin > latest or midnight <= latest else latest + 1
            starts.update(range(begin, last, 3_600))
    wanted = sorted(one for one in starts if start <= one < end)
    open_ = [one for one in wanted if oldest is None or moment(one) >= oldest]
    return Chosen([(catalog.app_id, rollup, one) for one in open_], len(wanted) - len(open_))

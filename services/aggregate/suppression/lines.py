"""Which lines the cells of a rollup are in, whose sums other answers may have. Pure."""

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime

from libs.catalog import PARTS_OF, Catalog, MetricKind, Period, Rollup
from services.aggregate.buckets import bucket_end, bucket_start, moment, seconds_since_epoch

# The begin of a cell's bucket, and its dimensions' values as JSON.
CellKey = tuple[datetime, *tuple[str, ...]]


def is_about_people(catalog: Catalog, rollup: Rollup) -> bool:
    """Whether any of its events may be of a person."""
    return any(not catalog.events[name].has_no_person for name in rollup.events)


def longer_periods(catalog: Catalog, rollup: Rollup) -> frozenset[Period]:
    """The periods over which other rollups of the app count some of the same events, split no further: the
    sum of a rollup's buckets in such a period may be known from there."""
    sources = {dimension.source for dimension in rollup.dimensions}
    return frozenset(
        other.period
        for other in catalog.rollups.values()
        if other.period is not rollup.period
        and rollup.period in PARTS_OF[other.period]
        and not other.events.isdisjoint(rollup.events)
        and sources.issuperset(dimension.source for dimension in other.dimensions)
        # Numbers of different people cannot be added up.
        and any(metric.kind is not MetricKind.DISTINCT for metric in other.metrics)
    )


def lines_of(periods: Iterable[Period]) -> Callable[[CellKey], Iterable[Hashable]]:
    """The lines of a cell: all that differ from it in one dimension's value; in their bucket only, of the
    same period. Sums over several dimensions are sums of such lines. A rollup without dimensions has none of
    the first kind."""
    periods = tuple(periods)

    def lines(key: CellKey) -> Iterable[Hashable]:
        bucket, *values = key
        found: list[Hashable] = [
            (bucket, place, *values[:place], *values[place + 1 :]) for place in range(len(values))
        ]
        seconds = seconds_since_epoch(bucket)
        return found + [(period, bucket_start(period, seconds), *values) for period in periods]

    return lines


def whole(periods: Iterable[Period], start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The time from `start` to `end`, with the whole of each period that it has a part of."""
    first, last = seconds_since_epoch(start), max(seconds_since_epoch(end) - 1, 0)
    begins = [first, *(bucket_start(period, first) for period in periods)]
    ends = [bucket_end(period, bucket_start(period, last)) for period in periods]
    return moment(min(begins)), max([end, *map(moment, ends)])

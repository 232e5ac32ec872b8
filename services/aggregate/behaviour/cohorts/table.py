"""From counts by period to cohorts with a number for each offset. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from libs.catalog import Period
from services.aggregate.behaviour.cohorts.model import Cohort, CohortRow, CohortsQuery, Point
from services.aggregate.buckets import (
    bucket_end,
    bucket_start,
    moment,
    periods_between,
    seconds_since_epoch,
)

_DAY = timedelta(days=1)
# Of one cohort: the begin of its period, whether it is all other values, and its value.
_Key = tuple[datetime, bool, str | None]


def cohorts_of(
    query: CohortsQuery, rows: Sequence[CohortRow], newest: datetime | None, now: datetime
) -> list[Cohort]:
    """The cohorts, oldest first, then by value, all others last. `newest` is the newest period in which a
    person was active; without one there are no later periods."""
    if query.days:
        return _by_days(query, rows, now)
    sizes = {_key(row): row.people for row in rows if row.active is None}
    active: dict[_Key, dict[int, int]] = {key: {} for key in sizes}
    for row in rows:
        if row.active is not None:
            offset = periods_between(query.period, row.cohort, row.active)
            active[_key(row)][offset] = row.people
    found = []
    for key, size in _ordered(sizes):
        start = key[0]
        last = periods_between(query.period, start, max(newest or start, start))
        last = last if query.periods is None else min(last, query.periods)
        found.append(Cohort(start, key[2], key[1], size, active[key], {}, last))
    return found


def place_of(cohort: Cohort) -> tuple[datetime, bool, str]:
    """The place of a cohort among all of an answer."""
    return cohort.start, cohort.is_other, cohort.value or ""


def counts(query: CohortsQuery, cohort: Cohort) -> list[int]:
    """How many were active at each offset of the cohort, in order."""
    offsets: Sequence[int] = query.days or range(cohort.last + 1)
    if not query.on_or_after:
        return [cohort.active.get(offset, 0) for offset in offsets]
    found = []
    left = sorted(cohort.active.items())
    people = 0
    for offset in reversed(offsets):
        while left and left[-1][0] >= offset:
            people += left.pop()[1]
        found.append(people)
    return found[::-1]


def points(query: CohortsQuery, cohort: Cohort) -> Iterator[Point]:
    """The numbers of a cohort."""
    end = end_of(query.period, cohort.start)
    active = counts(query, cohort)
    if query.days:
        for day, count in zip(query.days, active, strict=True):
            yield Point(day, cohort.over.get(day, 0), count, end + day * _DAY)
        return
    for offset, count in enumerate(active):
        yield Point(offset, cohort.size, count, end)
        end = end_of(query.period, end)


def _by_days(query: CohortsQuery, rows: Sequence[CohortRow], now: datetime) -> list[Cohort]:
    """Rows are by day of entry; a person counts at an offset once that day of theirs has ended."""
    sizes: dict[_Key, int] = {}
    over: dict[_Key, dict[int, int]] = {}
    active: dict[_Key, dict[int, int]] = {}
    for row in rows:
        start = moment(bucket_start(query.period, seconds_since_epoch(row.cohort)))
        key = (start, row.is_other, row.value)
        for found in (over, active):
            found.setdefault(key, {})
        ended = (now - row.cohort) // _DAY - 1
        if row.active is None:
            sizes[key] = sizes.get(key, 0) + row.people
            _add(over[key], [day for day in query.days if day <= ended], row.people)
        else:
            after = (row.active - row.cohort).days
            _add(active[key], _at(query, after, ended), row.people)
    return [
        Cohort(key[0], key[2], key[1], size, active[key], over[key], max(query.days))
        for key, size in _ordered(sizes)
    ]


def _at(query: CohortsQuery, after: int, ended: int) -> list[int]:
    """The offset to which activity so many days after the entry counts, if that day has ended."""
    if query.on_or_after:
        # Up to the last of the days that have ended and that it is not before.
        return [day for day in query.days if day <= min(after, ended)][-1:]
    return [after] if after in query.days and after <= ended else []


def _add(found: dict[int, int], offsets: Iterable[int], people: int) -> None:
    for offset in offsets:
        found[offset] = found.get(offset, 0) + people


def _key(row: CohortRow) -> _Key:
    return row.cohort, row.is_other, row.value


def _ordered(sizes: Mapping[_Key, int]) -> Iterable[tuple[_Key, int]]:
    return sorted(sizes.items(), key=lambda item: (item[0][0], item[0][1], item[0][2] or ""))


def end_of(period: Period, start: datetime) -> datetime:
    """Where the period ends that begins at `start`."""
    return moment(bucket_end(period, seconds_since_epoch(start)))

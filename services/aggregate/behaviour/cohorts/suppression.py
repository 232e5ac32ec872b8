"""Which cohorts, and which of their numbers, are shown. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from services.aggregate.behaviour.cohorts.model import Cohort, CohortsQuery, Point
from services.aggregate.behaviour.cohorts.table import place_of, points
from services.aggregate.suppression.tables import is_few, withheld


@dataclass(frozen=True, slots=True)
class ShownCohorts:
    """The cohorts that are shown, and the offsets that are not, by the begin of the cohorts' period."""

    cohorts: Sequence[Cohort]
    hidden_offsets: Mapping[datetime, Set[int]]


def shown_cohorts(query: CohortsQuery, cohorts: Sequence[Cohort], least: int) -> ShownCohorts:
    """The cohorts without those of fewer than `least` people, and without another of the same period, whose
    sum is known from the cohorts of all values; and without the offsets at which so few came back, or did
    not, in any cohort of the period."""
    places = {place_of(cohort): cohort for cohort in cohorts}
    sizes = {place: cohort.size for place, cohort in places.items()}
    hidden = withheld(sizes, lambda place: [place[0]], least)
    offsets: defaultdict[datetime, set[int]] = defaultdict(set)
    # What is not shown of a period, together: it can be worked out, too.
    rest: defaultdict[tuple[datetime, int], list[int]] = defaultdict(lambda: [0, 0])
    for place, cohort in places.items():
        found = list(points(query, cohort))
        if place not in hidden:
            offsets[cohort.start] |= _few_offsets(query, cohort.size, found, least)
            continue
        for point in found:
            sums = rest[cohort.start, point.offset]
            sums[0] += point.people
            sums[1] += point.active
    for (start, offset), (people, active) in rest.items():
        if _is_of_few(people, active, least):
            offsets[start].add(offset)
    shown = [cohort for place, cohort in places.items() if place not in hidden]
    return ShownCohorts(shown, offsets)


def _few_offsets(query: CohortsQuery, size: int, found: Iterable[Point], least: int) -> set[int]:
    few = set()
    before: Point | None = None
    for point in found:
        # Of those who come back on or after a period, who did so later is in both numbers.
        lost = before.active - point.active if query.on_or_after and before is not None else 0
        if (
            _is_of_few(point.people, point.active, least)
            or is_few(size - point.people, least)
            or is_few(abs(lost), least)
        ):
            few.add(point.offset)
        if point.offset not in few:
            before = point
    return few


def _is_of_few(people: int, active: int, least: int) -> bool:
    return any(is_few(count, least) for count in (people, active, people - active))

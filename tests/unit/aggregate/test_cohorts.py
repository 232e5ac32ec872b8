"""Cohorts, assembled from tables on paper."""

from typing import Any

from libs.catalog import Period
from libs.events.postgres import BEGINNING, END
from services.aggregate.behaviour.cohorts.model import Cohort, CohortRow, CohortsQuery
from services.aggregate.behaviour.cohorts.table import cohorts_of, counts, points
from tests.support.aggregate_batches import at

NOW = at("2030-01-01")


def row(cohort: str, active: str | None, people: int, value: str | None = None) -> CohortRow:
    return CohortRow(at(cohort), value, False, at(active) if active else None, people)


def query(period: Period, **fields: Any) -> CohortsQuery:
    return CohortsQuery("arena", period, BEGINNING, END, **fields)


def active(cohort: Cohort, **fields: Any) -> list[int]:
    return counts(query(Period.DAY, **fields), cohort)


def test_each_cohort_runs_to_the_newest_period_with_zeros_filled_in() -> None:
    # ann and bob are new on the 1st, cy on the 3rd; ann is back on the 4th, cy on the 4th.
    rows = [
        row("2026-05-03", None, 1),
        row("2026-05-03", "2026-05-03", 1),
        row("2026-05-03", "2026-05-04", 1),
        row("2026-05-01", None, 2),
        row("2026-05-01", "2026-05-01", 2),
        row("2026-05-01", "2026-05-04", 1),
    ]
    [first, second] = cohorts_of(query(Period.DAY), rows, at("2026-05-04"), NOW)
    assert (first.start, first.size, active(first)) == (at("2026-05-01"), 2, [2, 0, 0, 1])
    assert (second.start, second.size, active(second)) == (at("2026-05-03"), 1, [1, 1])
    assert [point.end for point in points(query(Period.DAY), second)] == [
        at("2026-05-04"),
        at("2026-05-05"),
    ]
    [first, _] = cohorts_of(query(Period.DAY, periods=1), rows, at("2026-05-04"), NOW)
    assert active(first) == [2, 0]


def test_months_have_different_lengths() -> None:
    rows = [
        row("2025-12-01", None, 5),
        row("2025-12-01", "2025-12-01", 5),
        row("2025-12-01", "2026-02-01", 4),
    ]
    [cohort] = cohorts_of(query(Period.MONTH), rows, at("2026-03-01"), NOW)
    assert active(cohort) == [5, 0, 4, 0]
    assert list(points(query(Period.MONTH), cohort))[2].end == at("2026-03-01")


def test_weeks_and_people_who_are_never_active() -> None:
    rows = [row("2020-12-28", None, 3), row("2020-12-28", "2021-01-11", 1)]
    assert active(cohorts_of(query(Period.WEEK), rows, at("2021-01-11"), NOW)[0]) == [0, 0, 1]
    assert active(cohorts_of(query(Period.WEEK), rows[:1], None, NOW)[0]) == [0]


def test_no_one() -> None:
    assert cohorts_of(query(Period.DAY), [], None, NOW) == []


def test_on_or_after_counts_each_person_up_to_their_last_period() -> None:
    # Each person is in the row of their last activity: 2 never came back, 3 were last seen on the 3rd.
    rows = [
        row("2026-05-01", None, 6),
        row("2026-05-01", "2026-05-01", 2),
        row("2026-05-01", "2026-05-03", 3),
        row("2026-05-01", "2026-05-04", 1),
    ]
    [found] = cohorts_of(query(Period.DAY, on_or_after=True), rows, at("2026-05-04"), NOW)
    assert active(found, on_or_after=True) == [6, 4, 4, 1]
    [found] = cohorts_of(
        query(Period.DAY, on_or_after=True, periods=2), rows, at("2026-05-04"), NOW
    )
    assert active(found, on_or_after=True) == [6, 4, 4]


def test_days_count_from_each_ones_own_day_and_only_when_they_are_over() -> None:
    """Week of 2026-05-04: four people of Monday, six of Sunday; it is noon of Monday the 11th."""
    rows = [
        row("2026-05-04", None, 4),
        row("2026-05-04", "2026-05-05", 3),
        row("2026-05-04", "2026-05-11", 2),
        row("2026-05-10", None, 6),
        row("2026-05-10", "2026-05-11", 5),
    ]
    asked = query(Period.WEEK, days=(1, 6, 7))
    [week] = cohorts_of(asked, rows, None, at("2026-05-11T12:00"))
    # Day 1 of Sunday's people is today, and so is day 7 of Monday's.
    assert [(p.offset, p.people, p.active) for p in points(asked, week)] == [
        (1, 4, 3),
        (6, 4, 0),
        (7, 0, 0),
    ]
    assert week.size == 10
    assert next(points(asked, week)).end == at("2026-05-12")
    [week] = cohorts_of(asked, rows, None, at("2026-05-12"))
    assert [(p.offset, p.people, p.active) for p in points(asked, week)] == [
        (1, 10, 8),
        (6, 4, 0),
        (7, 4, 2),
    ]


def test_values_are_apart_and_the_others_come_last() -> None:
    rows = [
        CohortRow(at("2026-05-01"), None, True, None, 9),
        row("2026-05-01", None, 1, '"b"'),
        row("2026-05-01", None, 2, '"a"'),
        row("2026-05-01", "2026-05-01", 2, '"a"'),
    ]
    found = cohorts_of(query(Period.DAY), rows, at("2026-05-01"), NOW)
    assert [(one.value, one.is_other, one.size, active(one)) for one in found] == [
        ('"a"', False, 2, [2]),
        ('"b"', False, 1, [0]),
        (None, True, 9, [0]),
    ]

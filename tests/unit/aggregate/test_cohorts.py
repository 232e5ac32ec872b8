"""Cohorts, assembled from a table on paper."""

from libs.catalog import Period
from services.aggregate.behaviour.cohorts import assemble
from services.aggregate.model import ActiveCount, Cohort
from tests.support.aggregate_batches import at


def test_each_cohort_runs_to_the_newest_period_with_zeros_filled_in() -> None:
    # ann and bob are new on the 1st, cy on the 3rd; ann is back on the 4th, cy on the 4th.
    counts = [
        ActiveCount(at("2026-05-03"), at("2026-05-04"), 1),
        ActiveCount(at("2026-05-01"), at("2026-05-01"), 2),
        ActiveCount(at("2026-05-01"), at("2026-05-04"), 1),
        ActiveCount(at("2026-05-03"), at("2026-05-03"), 1),
    ]
    assert assemble(Period.DAY, at("2026-05-04"), counts) == [
        Cohort(at("2026-05-01"), 2, [2, 0, 0, 1]),
        Cohort(at("2026-05-03"), 1, [1, 1]),
    ]


def test_months_have_different_lengths() -> None:
    counts = [
        ActiveCount(at("2025-12-01"), at("2025-12-01"), 5),
        ActiveCount(at("2025-12-01"), at("2026-02-01"), 4),
    ]
    assert assemble(Period.MONTH, at("2026-03-01"), counts) == [
        Cohort(at("2025-12-01"), 5, [5, 0, 4, 0])
    ]


def test_weeks() -> None:
    counts = [
        ActiveCount(at("2020-12-28"), at("2020-12-28"), 3),
        ActiveCount(at("2020-12-28"), at("2021-01-11"), 1),
    ]
    assert assemble(Period.WEEK, at("2021-01-11"), counts)[0].active == [3, 0, 1]


def test_nobody() -> None:
    assert assemble(Period.DAY, at("2026-05-04"), []) == []

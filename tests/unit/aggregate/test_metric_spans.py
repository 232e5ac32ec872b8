"""Which time a metric's values are over, and how much confidence they deserve."""

from datetime import UTC, datetime

import pytest

from libs.catalog import ConfidenceRule, NamedKind, NamedMetric, Period, Term, Threshold
from services.aggregate.named_metrics.confidence import confidence
from services.aggregate.named_metrics.dirty import is_dirty
from services.aggregate.named_metrics.model import Answer, Confidence, Span
from services.aggregate.named_metrics.spans import (
    buckets_begun,
    newest_ended,
    periods_in,
    spans_of,
)

RULE = ConfidenceRule(Threshold(4, 20), Threshold(3, 5))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(start: str, end: str) -> Span:
    return Span(at(start), at(end))


def metric(kind: NamedKind, period: Period, term: Term, periods: int = 0) -> NamedMetric:
    return NamedMetric("m", "", kind, period, (), (term,), RULE, periods)


def test_the_periods_of_a_time() -> None:
    found = periods_in(Period.MONTH, at("2026-01-31T23:00"), at("2026-03-01"), 10)
    assert found == [span("2026-01-01", "2026-02-01"), span("2026-02-01", "2026-03-01")]
    assert len(periods_in(Period.HOUR, at("2026-01-01"), at("2026-01-02"), 5)) == 5
    assert periods_in(Period.DAY, at("2026-01-02"), at("2026-01-01"), 5) == []
    assert len(periods_in(Period.DAY, at("9999-12-30"), at("9999-12-31T23:59"), 5)) == 2


def test_the_newest_period_that_has_ended() -> None:
    # A Wednesday.
    assert newest_ended(Period.WEEK, at("2026-06-03T12:00")) == span("2026-05-25", "2026-06-01")
    assert newest_ended(Period.MONTH, at("2026-03-01")) == span("2026-02-01", "2026-03-01")


def test_windows_end_with_the_period() -> None:
    week = metric(NamedKind.VALUE, Period.DAY, Term("r", "m", window_days=7))
    assert spans_of(week, week.terms[0], span("2026-03-02", "2026-03-03")) == [
        span("2026-02-24", "2026-03-03")
    ]
    day = metric(NamedKind.VALUE, Period.HOUR, Term("r", "m", so_far=True))
    assert spans_of(day, day.terms[0], span("2026-03-02T05:00", "2026-03-02T06:00")) == [
        span("2026-03-02", "2026-03-02T06:00")
    ]


def test_periods_before() -> None:
    may = span("2026-05-01", "2026-06-01")
    for kind in (NamedKind.CHANGE, NamedKind.CHURN):
        month = metric(kind, Period.MONTH, Term("r", "m"))
        assert spans_of(month, month.terms[0], may) == [span("2026-04-01", "2026-05-01"), may]
    months = metric(NamedKind.TREND, Period.MONTH, Term("r", "m"), periods=4)
    found = spans_of(months, months.terms[0], may)
    assert [each.start.month for each in found] == [2, 3, 4, 5]


def test_buckets_that_have_begun() -> None:
    may = span("2026-05-01", "2026-06-01")
    assert buckets_begun(Period.DAY, may, at("2026-07-01")) == 31
    assert buckets_begun(Period.DAY, may, at("2026-05-02T00:01")) == 2
    assert buckets_begun(Period.DAY, may, at("2026-04-01")) == 0


@pytest.mark.parametrize(
    ("components", "points", "expected"),
    [
        (4, 20, Confidence.HIGH),
        (4, 19, Confidence.MEDIUM),
        (3, 20, Confidence.MEDIUM),
        (3, 5, Confidence.MEDIUM),
        (3, 4, Confidence.LOW),
        (2, 100, Confidence.LOW),
    ],
)
def test_confidence(components: int, points: int, expected: Confidence) -> None:
    assert confidence(RULE, Answer(1.0, {}, points, components)) is expected
    assert confidence(RULE, Answer(None, {}, points, components)) is Confidence.LOW


def test_a_value_is_dirty_if_a_bucket_that_it_reads_is() -> None:
    """May 7 of a window of seven days reads May 1 to 7; of retention after seven days, April 30 too."""
    day = span("2026-05-07", "2026-05-08")
    week = metric(NamedKind.VALUE, Period.DAY, Term("r", "m", window_days=7))
    back = NamedMetric(
        "b", "", NamedKind.RETENTION, Period.DAY, (), (Term("r", "m"),) * 2, RULE, after_days=7
    )
    plain = metric(NamedKind.VALUE, Period.DAY, Term("r", "m"))
    for bucket, expected in (
        ("2026-04-29", [False, False, False]),
        ("2026-04-30", [False, True, False]),
        ("2026-05-01", [True, True, False]),
        ("2026-05-07", [True, True, True]),
        ("2026-05-08", [False, False, False]),
    ):
        dirty = {"r": {at(bucket)}, "other": {day.start}}
        assert [is_dirty(each, day, dirty) for each in (week, back, plain)] == expected

"""Where periods begin, by a calendar on paper."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.catalog import Period
from services.aggregate.buckets import (
    bucket_end,
    bucket_start,
    first_bucket_from,
    moment,
    periods_between,
)
from tests.support.aggregate_batches import at, seconds


@pytest.mark.parametrize(
    ("period", "when", "start"),
    [
        (Period.HOUR, "2026-04-27T10:59:59", "2026-04-27T10:00"),
        (Period.HOUR, "2026-04-27T10:00:00", "2026-04-27T10:00"),
        (Period.DAY, "2026-04-27T23:59:59", "2026-04-27"),
        (Period.DAY, "2026-04-28T00:00:00", "2026-04-28"),
        # 27 April 2026 is a Monday.
        (Period.WEEK, "2026-04-27T00:00:00", "2026-04-27"),
        (Period.WEEK, "2026-05-03T23:59:59", "2026-04-27"),
        (Period.WEEK, "2026-04-26T23:59:59", "2026-04-20"),
        # ISO week 53 of 2020 holds the first days of 2021.
        (Period.WEEK, "2021-01-03T12:00:00", "2020-12-28"),
        (Period.WEEK, "1970-01-01T00:00:00", "1969-12-29"),
        (Period.MONTH, "2024-02-29T23:59:59", "2024-02-01"),
        (Period.MONTH, "2024-03-01T00:00:00", "2024-03-01"),
        (Period.MONTH, "2026-01-31T23:59:59", "2026-01-01"),
        (Period.MONTH, "2025-12-31T23:59:59", "2025-12-01"),
        (Period.HOUR, "1969-12-31T23:30:00", "1969-12-31T23:00"),
        (Period.DAY, "1969-12-31T23:30:00", "1969-12-31"),
    ],
)
def test_a_period_begins_where_the_calendar_says(period: Period, when: str, start: str) -> None:
    assert moment(bucket_start(period, seconds(when))) == at(start)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        (Period.HOUR, "2026-04-27T23:00:00", "2026-04-28T00:00"),
        (Period.DAY, "2024-02-28", "2024-02-29"),
        (Period.WEEK, "2020-12-28", "2021-01-04"),
        (Period.MONTH, "2026-02-01", "2026-03-01"),
        (Period.MONTH, "2025-12-01", "2026-01-01"),
    ],
)
def test_a_bucket_ends_at_the_next_one(period: Period, start: str, end: str) -> None:
    assert moment(bucket_end(period, seconds(start))) == at(end)
    assert moment(first_bucket_from(period, at(start))) == at(start)
    assert moment(first_bucket_from(period, at(start) + timedelta(microseconds=1))) == at(end)


@pytest.mark.parametrize("period", list(Period))
@pytest.mark.parametrize("when", ["9999-12-31T23:00:01", "9999-12-31T23:59:59"])
def test_the_last_bucket_ends_with_the_last_second(period: Period, when: str) -> None:
    last = at("9999-12-31T23:59:59")
    assert moment(bucket_end(period, bucket_start(period, seconds(when)))) == last
    assert moment(first_bucket_from(period, at(when))) == last


@pytest.mark.parametrize(
    ("period", "first", "later", "expected"),
    [
        (Period.DAY, "2026-02-27", "2026-03-01", 2),
        (Period.DAY, "2024-02-28", "2024-03-01", 2),
        (Period.WEEK, "2020-12-28", "2021-01-11", 2),
        (Period.MONTH, "2025-11-01", "2026-02-01", 3),
        (Period.MONTH, "2026-02-01", "2026-02-01", 0),
    ],
)
def test_periods_are_counted_on_the_calendar(
    period: Period, first: str, later: str, expected: int
) -> None:
    assert periods_between(period, at(first), at(later)) == expected


def test_a_moment_is_in_utc() -> None:
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)

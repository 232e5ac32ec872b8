"""Due times, worked out by hand from a calendar of 2026, 2027 and 2028."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from libs.jobs.schedule import Schedule

HOURLY, AT_ONE, MONDAYS, FIRST = "0 * * * *", "0 1 * * *", "0 3 * * 1", "0 4 1 * *"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "moment", "newest", "following"),
    [
        (HOURLY, "2026-11-21 14:30:59", "2026-11-21 14:00", "2026-11-21 15:00"),
        # The moment itself is due, and not the next one.
        (HOURLY, "2026-11-21 14:00", "2026-11-21 14:00", "2026-11-21 15:00"),
        (HOURLY, "2026-11-21 13:59:59.999999", "2026-11-21 13:00", "2026-11-21 14:00"),
        (AT_ONE, "2026-11-21 00:59", "2026-11-20 01:00", "2026-11-21 01:00"),
        ("0 2 * * *", "2026-12-31 23:00", "2026-12-31 02:00", "2027-01-01 02:00"),
        # 2026-11-21 is a Saturday; the Mondays around it are the 16th and the 23rd.
        (MONDAYS, "2026-11-21 12:00", "2026-11-16 03:00", "2026-11-23 03:00"),
        (MONDAYS, "2026-11-23 02:59", "2026-11-16 03:00", "2026-11-23 03:00"),
        # Ends of months of 28, 29, 30 and 31 days.
        (FIRST, "2026-11-30 23:59", "2026-11-01 04:00", "2026-12-01 04:00"),
        (FIRST, "2027-02-28 12:00", "2027-02-01 04:00", "2027-03-01 04:00"),
        (FIRST, "2028-02-29 12:00", "2028-02-01 04:00", "2028-03-01 04:00"),
        ("30 23 L * *", "2028-02-10 00:00", "2028-01-31 23:30", "2028-02-29 23:30"),
        ("0 0 31 * *", "2026-11-15 00:00", "2026-10-31 00:00", "2026-12-31 00:00"),
        # The nights in which Europe and America change their clocks have 24 hours in UTC.
        ("30 2 * * *", "2026-03-29 02:29", "2026-03-28 02:30", "2026-03-29 02:30"),
        ("30 1 * * *", "2026-11-01 06:00", "2026-11-01 01:30", "2026-11-02 01:30"),
    ],
)
def test_due_times(expression: str, moment: str, newest: str, following: str) -> None:
    schedule = Schedule(expression)
    assert schedule.newest_at(at(moment)) == at(newest)
    assert schedule.next_after(at(moment)) == at(following)


def test_other_time_zones_are_converted() -> None:
    # 01:30 in a zone of +02:00 is 23:30 of the day before in UTC.
    moment = datetime(2026, 11, 21, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    schedule = Schedule(AT_ONE)
    assert schedule.newest_at(moment) == at("2026-11-20 01:00")
    assert schedule.next_after(moment) == at("2026-11-21 01:00")
    assert schedule.next_after(moment).utcoffset() == timedelta(0)


def test_an_hourly_schedule_has_every_hour_of_a_year_once() -> None:
    schedule, moment, count = Schedule(HOURLY), at("2026-01-01 00:00"), 0
    while (moment := schedule.next_after(moment)) <= at("2027-01-01 00:00"):
        count += 1
    assert count == 365 * 24


@pytest.mark.parametrize(
    "expression", ["", "hourly", "@daily", "* * * *", "0 0 * * * *", "61 * * * *", "0 0 30 2 *"]
)
def test_what_is_no_schedule_is_named(expression: str) -> None:
    with pytest.raises(ValueError, match="cron expression") as raised:
        Schedule(expression)
    assert repr(expression) in str(raised.value)

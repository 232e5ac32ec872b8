"""Ages in whole UTC days."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.common.expiry import OverdueData, aged_before, complaint, expired_before

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("time", [timedelta(0), timedelta(hours=23, minutes=59, seconds=59)])
def test_90_days_at_any_time_of_the_day(time: timedelta) -> None:
    """90 days after 1 January 2026 is 1 April: 30 days are left of January, then 28, 31 and one."""
    day = datetime(2026, 4, 1, tzinfo=UTC) + time
    assert expired_before(90, day) == NEW_YEAR
    # What happened on the first is 90 days old on that day: it is anonymized on it, and removed on the next.
    assert aged_before(90, day) == NEW_YEAR + timedelta(days=1)
    assert expired_before(90, day + timedelta(days=1)) == NEW_YEAR + timedelta(days=1)


def test_no_days_at_all() -> None:
    assert aged_before(0, NEW_YEAR) == NEW_YEAR + timedelta(days=1)


def test_a_complaint_names_the_oldest() -> None:
    old = OverdueData("enrich.events", "chess", "90d", 90, 3, NEW_YEAR)
    named = OverdueData("enrich.events", "go", "game.ended", 30, 1, NEW_YEAR, True, "they wait")
    assert complaint([]) == ""
    assert complaint([old]) == (
        "enrich.events: 3 rows of chess, 90d, were to be removed after 90 days; the oldest is of 2026-01-01"
    )
    assert complaint([named, old]) == (
        "enrich.events: 1 rows of go, game.ended, were to be anonymized after 30 days; the oldest is of"
        " 2026-01-01 (they wait); 1 more limits"
    )

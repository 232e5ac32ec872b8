"""When a bucket is final: worked out by hand at the edges."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.catalog import ClockPolicy
from libs.streams.watermark import APPENDING_SECONDS
from services.aggregate.rollups.completeness import final_until

# The day ends at midnight.
END = datetime(2026, 11, 22, tzinfo=UTC)
LATENESS = timedelta(seconds=ClockPolicy().lateness_seconds)


@pytest.mark.parametrize(
    ("now", "is_final"),
    [("00:00:00", False), ("00:50:59", False), ("00:51:00", True), ("01:00:00", True)],
)
def test_a_day_is_final_at_nine_minutes_to_one(now: str, is_final: bool) -> None:
    """If nothing waits, the watermark is a minute behind the clock; 50 minutes are the default."""
    clock = datetime.fromisoformat(f"2026-11-22T{now}").replace(tzinfo=UTC)
    watermark = clock - timedelta(seconds=APPENDING_SECONDS)
    assert final_until(watermark, LATENESS).covers(END) is is_final


def test_a_backlog_keeps_it_provisional() -> None:
    """However late it is: what was received at 00:49:59 is not counted yet."""
    watermark = datetime(2026, 11, 22, 0, 49, 59, tzinfo=UTC)
    assert not final_until(watermark, LATENESS).covers(END)
    assert final_until(watermark, timedelta(minutes=49)).covers(END)


def test_what_ends_after_the_begin_of_a_dirty_bucket_is_provisional() -> None:
    day = timedelta(days=1)
    final = final_until(END + LATENESS, LATENESS)
    assert final.but_after([]).covers(END)
    assert not final.but_after([END - day, END - 2 * day]).covers(END - day)
    assert final.but_after([END - day, END - 2 * day]).covers(END - 2 * day)
    # Nor does it make final what was not.
    assert not final.but_after([END + 2 * day]).covers(END + day)
    assert not final_until(None, LATENESS).but_after([END]).covers(END - day)


def test_without_a_watermark_nothing_is_final() -> None:
    assert not final_until(None, LATENESS).covers(datetime(1970, 1, 1, tzinfo=UTC))

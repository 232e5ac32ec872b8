"""The time that `--from` and `--to` of `weir events` and `weir export` say."""

import pytest

from cli.commands.event_choice import time_frame


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2026-12-31", "2027-01-01T00:00:00Z"),
        ("2026-12-31T10:00", "2026-12-31T10:00:00Z"),
        ("9999-12-30", "9999-12-31T00:00:00Z"),
        ("9999-12-31", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_date_is_the_whole_day(end: str, expected: str) -> None:
    frame = time_frame("", "2026-01-01", end)
    assert frame is not None
    assert frame.between.to.ToJsonString() == expected

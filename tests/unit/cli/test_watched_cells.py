"""Which buckets `weir query watch` calls past."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.watched_cells import is_past, watched_line


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("hour", "2028-02-23T10:00", "2028-02-23T11:00"),
        ("day", "2028-02-23", "2028-02-24"),
        ("week", "2028-02-21", "2028-02-28"),
        ("month", "2028-02-01", "2028-03-01"),
        ("month", "2027-12-01", "2028-01-01"),
    ],
)
def test_a_bucket_is_past_from_its_end_on(period: str, start: str, end: str) -> None:
    begin, over = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert is_past(begin, period, over)
    assert not is_past(begin, period, over - timedelta(microseconds=1))


def test_a_line_says_that_a_bucket_is_past_and_that_a_cell_has_gone() -> None:
    cell = {"bucket_start": "2028-02-23T00:00:00Z", "dimensions": {"mode": None}, "metrics": {}}
    counted = {**cell, "metrics": {"people": 2}}
    assert watched_line("dau", counted) == "2028-02-23T00:00:00Z  dau  mode=-  people=2"
    assert watched_line("dau", counted, "day") == (
        "2028-02-23T00:00:00Z  dau  (past day)  mode=-  people=2"
    )
    assert watched_line("dau", cell) == "2028-02-23T00:00:00Z  dau  mode=-  no events any more"

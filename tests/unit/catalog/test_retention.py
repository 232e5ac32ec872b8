"""Retention classes and durations, worked out by hand."""

import pytest

from libs.catalog import RETENTION_CLASSES, retention_class, tighten
from libs.catalog.durations import parse_duration


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (1, "1d"),
        (6, "1d"),
        (7, "7d"),
        (29, "7d"),
        (30, "30d"),
        (89, "30d"),
        (90, "90d"),
        (364, "90d"),
        (365, "1y"),
        (729, "1y"),
        (730, "2y"),
        (1094, "2y"),
        (1095, "3y"),
        (1825, "3y"),  # five years: early, never late
        (2554, "3y"),
        (2555, "7y"),
        (3649, "7y"),
        (3650, "10y"),
        (99_999, "10y"),
        (None, "keep"),
    ],
)
def test_the_longest_class_that_is_not_longer(days: int | None, name: str) -> None:
    assert retention_class(days) == name
    limit = RETENTION_CLASSES[name]
    assert (limit is None) == (days is None)
    assert limit is None or days is None or limit <= days


@pytest.mark.parametrize("days", [0, -1])
def test_there_is_no_class_below_a_day(days: int) -> None:
    with pytest.raises(ValueError, match="at least one day"):
        retention_class(days)


@pytest.mark.parametrize(
    ("days", "requested", "result"),
    [(90, 0, 90), (90, 30, 30), (90, 91, 90), (None, 30, 30), (None, 0, None), (90, -5, 90)],
)
def test_a_client_can_only_shorten(days: int | None, requested: int, result: int | None) -> None:
    assert tighten(days, requested) == result


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("10m", 600),
        ("24h", 86_400),
        ("90d", 7_776_000),
        ("2w", 1_209_600),
        ("5y", 157_680_000),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1 d 2", "1month", "٣d"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a length of time"):
        parse_duration(text)

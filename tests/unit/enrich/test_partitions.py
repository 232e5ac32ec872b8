"""Partitions: names and ranges, days for short classes and months for long ones."""

import itertools
from datetime import UTC, date, datetime

import pytest

from libs.catalog import RETENTION_CLASSES
from services.enrich.partitions import DAILY_CLASSES, partition_of


def _day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("retention_class", "day", "name", "start", "end"),
    [
        ("90d", "2026-11-20", "events_90d_20261120", "2026-11-20", "2026-11-21"),
        ("1d", "2026-12-31", "events_1d_20261231", "2026-12-31", "2027-01-01"),
        ("30d", "2024-02-29", "events_30d_20240229", "2024-02-29", "2024-03-01"),
        ("keep", "2016-04-27", "events_keep_201604", "2016-04-01", "2016-05-01"),
        ("1y", "2026-01-31", "events_1y_202601", "2026-01-01", "2026-02-01"),
        ("2y", "2024-02-01", "events_2y_202402", "2024-02-01", "2024-03-01"),
        ("7y", "2026-12-01", "events_7y_202612", "2026-12-01", "2027-01-01"),
        ("10y", "2026-04-30", "events_10y_202604", "2026-04-01", "2026-05-01"),
        ("keep", "1970-01-01", "events_keep_197001", "1970-01-01", "1970-02-01"),
    ],
)
def test_a_day_has_its_partition(
    retention_class: str, day: str, name: str, start: str, end: str
) -> None:
    partition = partition_of(retention_class, _day(day))
    assert partition.name == name
    assert partition.start == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert partition.end == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize("retention_class", RETENTION_CLASSES)
def test_partitions_meet_without_gap_or_overlap(retention_class: str) -> None:
    partitions = {partition_of(retention_class, day) for day in range(_day("2023-01-01"), 20_900)}
    ordered = sorted(partitions, key=lambda partition: partition.start)
    for partition, following in itertools.pairwise(ordered):
        assert partition.end == following.start
    assert len({partition.name for partition in ordered}) == len(ordered)


def test_what_is_kept_up_to_90_days_is_dropped_by_the_day() -> None:
    short = {name for name, days in RETENTION_CLASSES.items() if days is not None and days <= 90}
    assert short == DAILY_CLASSES

"""Partitions: the leaves that each class should have on a day, bounded, and the steps towards them."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.catalog import RETENTION_CLASSES
from services.enrich.partitions.plan import (
    BEGINNING,
    GRAINS,
    MAX_MERGED_BYTES,
    MAX_MERGED_LEAVES,
    Grain,
    Leaf,
    PartitionChange,
    current_leaves,
    next_change,
    wanted_leaves,
)

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _day(text: str, size_bytes: int = 0) -> Leaf:
    start = _at(text)
    return Leaf("90d", start, start + timedelta(days=1), size_bytes=size_bytes)


def _applied(existing: Sequence[Leaf], change: PartitionChange) -> list[Leaf]:
    size_bytes = sum(source.size_bytes for source in change.sources)
    made = replace(change.leaf, table=change.leaf.name, size_bytes=size_bytes)
    return [leaf for leaf in existing if leaf not in change.sources] + [made]


# Worked out with a calendar: the day of NOW minus the class's days, to the beginning of its
# day, month or year.
@pytest.mark.parametrize(
    ("retention_class", "first", "last", "count"),
    [
        ("1d", "2026-11-20", "2026-11-29", 9),
        ("7d", "2026-11-14", "2026-11-29", 15),
        ("30d", "2026-10-22", "2026-11-29", 38),
        ("90d", "2026-08-23", "2026-11-29", 98),
        ("1y", "2025-11-01", "2026-12-01", 13),
        ("2y", "2024-11-01", "2026-12-01", 25),
        ("3y", "2023-11-01", "2026-12-01", 37),
        ("7y", "2019-01-01", "2027-01-01", 8),
        ("10y", "2016-01-01", "2027-01-01", 11),
        ("keep", "2000-01-01", "2027-01-01", 27),
    ],
)
def test_a_class_has_leaves_for_its_retention_and_one_for_what_is_older(
    retention_class: str, first: str, last: str, count: int
) -> None:
    older, *window = sorted(wanted_leaves(retention_class, NOW), key=lambda leaf: leaf.start)
    assert (older.start, older.end) == (BEGINNING, _at(first))
    assert (window[0].start, window[-1].end, len(window)) == (_at(first), _at(last), count)
    for leaf, following in itertools.pairwise(window):
        assert leaf.end == following.start
    assert len({leaf.name for leaf in [older, *window]}) == count + 1


@pytest.mark.parametrize("year", [2024, 2026, 2031, 2044])
def test_all_classes_together_stay_below_400(year: int) -> None:
    for day in range(0, 366, 10):
        now = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
        # And a default leaf each.
        leaves = sum(len(wanted_leaves(name, now)) + 1 for name in RETENTION_CLASSES)
        assert leaves < 400


def test_what_is_kept_up_to_90_days_is_dropped_by_the_day() -> None:
    short = {name for name, days in RETENTION_CLASSES.items() if days is not None and days <= 90}
    assert short == {name for name, grain in GRAINS.items() if grain is Grain.DAY}


@pytest.mark.parametrize(
    ("retention_class", "names"),
    [
        ("90d", {"events_90d_20261121", "events_90d_20261122", "events_90d_older"}),
        ("1y", {"events_1y_202611", "events_1y_older"}),
        ("keep", {"events_keep_2026", "events_keep_older"}),
    ],
)
def test_a_class_without_events_has_what_live_events_need(
    retention_class: str, names: set[str]
) -> None:
    assert {leaf.name for leaf in current_leaves(retention_class, NOW)} == names


def test_the_most_urgent_leaf_comes_first() -> None:
    existing: list[Leaf] = []
    made = []
    while change := next_change(existing, wanted_leaves("90d", NOW)):
        assert not change.sources
        made.append(change.leaf.name)
        existing = _applied(existing, change)
    assert made[:4] == [
        "events_90d_20261121",
        "events_90d_20261122",
        "events_90d_older",
        "events_90d_20261128",
    ]
    assert sorted(existing, key=lambda leaf: leaf.start) == sorted(
        wanted_leaves("90d", NOW), key=lambda leaf: leaf.start
    )


def test_a_day_that_has_become_too_old_is_merged_into_what_is_older() -> None:
    existing = wanted_leaves("90d", NOW)
    next_day = wanted_leaves("90d", NOW + timedelta(days=1))
    ahead = next_change(existing, next_day)
    assert ahead is not None
    assert (ahead.leaf.name, ahead.sources) == ("events_90d_20261129", ())
    merge = next_change([*existing, ahead.leaf], next_day)
    assert merge == PartitionChange(
        Leaf("90d", BEGINNING, _at("2026-08-24")),
        (Leaf("90d", BEGINNING, _at("2026-08-23")), _day("2026-08-23")),
    )


def test_thousands_of_days_of_an_older_release_are_merged_a_few_at_a_time() -> None:
    """Every third day since 2022, as a release that made a leaf for any day would have left them."""
    days = [_day("2022-01-01")]
    while days[-1].start < NOW - timedelta(days=3):
        days.append(_day((days[-1].start + timedelta(days=3)).date().isoformat()))
    existing: list[Leaf] = list(days)
    wanted = wanted_leaves("90d", NOW)
    while change := next_change(existing, wanted):
        assert len(change.sources) <= MAX_MERGED_LEAVES
        assert all(change.leaf.covers(source) for source in change.sources)
        existing = _applied(existing, change)
        # Never two leaves for one moment.
        for leaf, following in itertools.pairwise(sorted(existing, key=lambda leaf: leaf.start)):
            assert leaf.end <= following.start
    assert sorted(existing, key=lambda leaf: leaf.start) == sorted(
        wanted, key=lambda leaf: leaf.start
    )


def test_months_of_an_older_release_become_years() -> None:
    months = [
        Leaf(
            "keep",
            datetime(2026, month, 1, tzinfo=UTC),
            datetime(2026, month + 1, 1, tzinfo=UTC),
            f"events_keep_2026{month:02}",
        )
        for month in range(1, 12)
    ]
    existing: list[Leaf] = list(months)
    while change := next_change(existing, wanted_leaves("keep", NOW)):
        existing = _applied(existing, change)
    assert {leaf.name for leaf in existing} == {leaf.name for leaf in wanted_leaves("keep", NOW)}


def test_a_leaf_that_is_too_large_to_copy_stays_as_it_is() -> None:
    large = _day("2026-08-22", MAX_MERGED_BYTES + 1)
    older = Leaf("90d", BEGINNING, _at("2026-08-22"))
    existing = [
        large,
        older,
        *(leaf for leaf in wanted_leaves("90d", NOW) if leaf.start != BEGINNING),
    ]
    assert next_change(existing, wanted_leaves("90d", NOW)) is None


def test_small_leaves_behind_a_large_one_are_merged_as_well() -> None:
    large = MAX_MERGED_BYTES + 1
    sizes = {"2026-07-01": large, "2026-07-04": large, "2026-07-05": large, "2026-07-20": large}
    july = [_day(f"2026-07-{day:02}", sizes.get(f"2026-07-{day:02}", 10)) for day in range(1, 32)]
    existing: list[Leaf] = [
        *july,
        *(leaf for leaf in wanted_leaves("90d", NOW) if leaf.start != BEGINNING),
    ]
    wanted = wanted_leaves("90d", NOW)
    while change := next_change(existing, wanted):
        existing = _applied(existing, change)
    old = sorted(
        (leaf for leaf in existing if leaf.start < _at("2026-08-23")), key=lambda leaf: leaf.start
    )
    # Four large ones, and one before, between or behind them wherever there are small ones.
    assert [(leaf.start, leaf.end) for leaf in old] == [
        (_at("2026-07-01"), _at("2026-07-02")),
        (_at("2026-07-02"), _at("2026-07-04")),
        (_at("2026-07-04"), _at("2026-07-05")),
        (_at("2026-07-05"), _at("2026-07-20")),
        (_at("2026-07-20"), _at("2026-08-23")),
    ]


def test_a_leaf_that_reaches_beyond_the_wanted_ones_serves_their_time() -> None:
    month = Leaf("90d", _at("2026-11-01"), _at("2026-12-01"))
    existing: list[Leaf] = [month]
    while change := next_change(existing, wanted_leaves("90d", NOW)):
        assert not change.leaf.overlaps(month)
        existing = _applied(existing, change)
    assert month in existing

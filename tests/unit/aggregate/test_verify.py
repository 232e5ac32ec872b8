"""What verification takes for a difference, which buckets it compares at once, and which are sealed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from libs.catalog import compile_catalog
from libs.events.recount import Recount, cell_key
from services.aggregate.sealing import sealed_before
from services.aggregate.verify.compare import compare
from services.aggregate.verify.model import (
    CellDifference,
    MetricDifference,
    Part,
    StoredMeasure,
    VerifiedRollup,
)
from services.aggregate.verify.windows import MOST_AT_ONCE, windows_of
from tests.support.arena_catalog import CATALOG

ARENA = compile_catalog(CATALOG, "arena.yaml")
LOOT, MATCHES, SCORES = (ARENA.rollups[name] for name in ("loot", "matches", "scores"))
KEY = cell_key(86_400, {})


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _items(count: int, members: int | None = None) -> dict[str, StoredMeasure]:
    return {"items": StoredMeasure(Recount(count), count if members is None else members)}


def test_equal_cells_and_cells_without_a_value() -> None:
    nothing = cell_key(0, {})
    counted = {KEY: _items(3), nothing: _items(0)}
    assert compare(LOOT, counted, {KEY: {"items": Recount(3)}}) == (1, [])
    assert compare(LOOT, {}, {}) == (0, [])


@pytest.mark.parametrize(
    ("counted", "recounted", "part", "numbers", "maybe_expired"),
    [
        (_items(3), {"items": Recount(2)}, Part.COUNT, (3, 2), True),
        (_items(2), {"items": Recount(3)}, Part.COUNT, (2, 3), False),
        (_items(3, members=2), {"items": Recount(3)}, Part.MEMBERS, (2, 3), False),
        (_items(3, members=4), {"items": Recount(3)}, Part.MEMBERS, (4, 3), False),
        # More events were counted than are stored, but a member is missing.
        (_items(4, members=2), {"items": Recount(3)}, Part.COUNT, (4, 3), False),
        (None, {"items": Recount(3)}, Part.COUNT, (0, 3), False),
        (_items(3), None, Part.COUNT, (3, 0), True),
    ],
)
def test_people_and_counts(
    counted: Any, recounted: Any, part: Part, numbers: tuple[float, float], maybe_expired: bool
) -> None:
    found = compare(LOOT, {KEY: counted} if counted else {}, {KEY: recounted} if recounted else {})
    difference = MetricDifference("items", part, *numbers)
    assert found == (1, [CellDifference("loot", KEY, (difference,), maybe_expired)])


def test_sums_are_compared_without_rounding() -> None:
    """As doubles, the two totals are the same."""
    stored = Recount(2, Decimal("0.30000000000000001"), 0.1, 0.2)
    recounted = Recount(2, Decimal("0.3"), 0.1, 0.2)
    assert float(Decimal("0.30000000000000001")) == 0.3
    _, [found] = compare(
        SCORES, {KEY: {"score": StoredMeasure(stored)}}, {KEY: {"score": recounted}}
    )
    assert found.metrics == (MetricDifference("score", Part.TOTAL, 0.3, 0.3),)
    # As many events are stored as were counted: none has expired.
    assert not found.maybe_expired


def test_each_metric_says_its_first_part() -> None:
    # Four metrics share what is stored of the scores.
    stored = {"score": StoredMeasure(Recount(2, Decimal(5), 1.0, 4.0))}
    same = Recount(2, Decimal(5), 1.0, 4.0)
    expected = {
        "score": Recount(1, Decimal(4)),
        "mean": same,
        "worst": Recount(2, Decimal(5), 2.0, 3.0),
        "best": same,
    }
    _, [found] = compare(MATCHES, {KEY: stored}, {KEY: expected})
    assert found.metrics == (
        MetricDifference("score", Part.COUNT, 2, 1),
        MetricDifference("worst", Part.MINIMUM, 1, 2),
    )
    # Expired events explain `score`, but not `worst`, of which the counts are equal.
    assert not found.maybe_expired
    _, [found] = compare(MATCHES, {KEY: stored}, {KEY: {**expected, "worst": same}})
    assert found.maybe_expired


# Two days together fill what is compared at once, and the third is alone.
USED = {
    _at("2026-04-30T00:00"): MOST_AT_ONCE - 1,
    _at("2026-05-01T00:00"): 1,
    _at("2026-05-03T00:00"): 1,
}


@pytest.mark.parametrize(
    ("rollup", "start", "end", "expected"),
    [
        ("events", None, None, ["04-30 05-02", "05-03 05-04"]),
        ("activity", None, None, ["04-30 05-02", "05-03 05-04"]),
        # 2026-04-27 is a Monday.
        ("matches", None, None, ["04-27 05-04"]),
        ("scores", None, None, ["04-01 05-01", "05-01 06-01"]),
        ("scores", "2026-05-01T00:00", "2026-06-01T00:00", ["05-01 06-01"]),
        # Whole buckets: that of the start, and those that begin before the end.
        ("activity", "2026-05-01T13:00", "2026-05-03T00:00", ["05-01 05-02"]),
        ("activity", "2026-05-01T13:00", "2026-05-03T00:01", ["05-01 05-02", "05-03 05-04"]),
        ("scores", "2026-05-31T00:00", None, ["05-01 06-01"]),
        ("matches", None, "2026-04-27T00:00", []),
        ("matches", None, "9999-12-31T00:00", ["04-27 05-04"]),
        ("scores", None, "9999-12-31T23:59:59", ["04-01 05-01", "05-01 06-01"]),
    ],
)
def test_windows(rollup: str, start: str | None, end: str | None, expected: list[str]) -> None:
    found = windows_of(
        VerifiedRollup(ARENA.rollups[rollup], None, None),
        USED,
        _at(start) if start else None,
        _at(end) if end else None,
    )
    assert [f"{one.start:%m-%d} {one.end:%m-%d}" for one in found] == expected


def test_a_window_of_hours_is_cut_to_the_hours_that_are_asked_for() -> None:
    of = VerifiedRollup(ARENA.rollups["events"], None, None)
    start, end = _at("2026-05-03T09:30"), _at("2026-05-03T10:30")
    [window] = windows_of(of, USED, start, end)
    assert (window.start, window.end) == (_at("2026-05-03T09:00"), _at("2026-05-03T11:00"))


def test_sealed_is_what_is_older_than_the_shortest_retention() -> None:
    now = _at("2026-11-22T00:00")
    assert sealed_before(ARENA, LOOT, now) == _at("2026-08-24T00:00")  # 90 days before
    marked = compile_catalog(CATALOG + "\nprivacy_levels: {pii: 40d}\n", "arena.yaml")
    # 40 days fall into the class of 30 days.
    assert sealed_before(marked, marked.rollups["loot"], now) == _at("2026-10-23T00:00")
    kept = compile_catalog(CATALOG.replace("raw: 90d", "raw: keep"), "arena.yaml")
    assert sealed_before(kept, kept.rollups["loot"], now) is None


def test_sealed_is_what_has_lost_values_of_the_rollup() -> None:
    """Anonymized is the day that is 30 days old, from its beginning on."""
    text = CATALOG.replace("raw: 90d", "raw: keep")
    text = text.replace(
        "    producers: [server", "    anonymize_after: 30d\n    producers: [server", 1
    )
    catalog = compile_catalog(text, "arena.yaml")
    now = _at("2026-11-22T10:30")
    assert sealed_before(catalog, catalog.rollups["loot"], now) == _at("2026-10-24T00:00")
    # People are counted by the pseudonyms that stay.
    assert sealed_before(catalog, catalog.rollups["activity"], now) is None

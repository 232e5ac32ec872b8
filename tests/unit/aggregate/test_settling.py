"""A difference is for good once the batches that could explain it are counted, also if others come."""

from datetime import UTC, datetime

from libs.catalog import compile_catalog
from libs.events.recount import cell_key
from services.aggregate.verify.model import (
    CellDifference,
    MetricDifference,
    Part,
    VerifiedRollup,
    Window,
)
from services.aggregate.verify.settling import Look, Waiting
from tests.support.arena_catalog import CATALOG

LOOT = compile_catalog(CATALOG, "arena.yaml").rollups["loot"]
DAY = datetime(2026, 5, 1, tzinfo=UTC)
WINDOW = Window(VerifiedRollup(LOOT, None, None), DAY, DAY)


def differs(bucket: int, counted: int, recounted: int) -> CellDifference:
    metric = MetricDifference("items", Part.COUNT, counted, recounted)
    return CellDifference("loot", cell_key(bucket, {}), (metric,), maybe_expired=False)


def look(uncounted: str | None, *differences: CellDifference) -> Look:
    """A letter for each uncounted batch; None if they are not known."""
    batches = None if uncounted is None else frozenset(one.encode() for one in uncounted)
    return Look(WINDOW, 2, differences, batches)


def test_batches_that_come_later_do_not_keep_a_difference_from_being_found() -> None:
    wrong = differs(0, 3, 2)
    waiting = Waiting(look("ab", wrong))
    assert not waiting.is_settled
    waiting.add(look("bc", wrong))
    assert not waiting.is_settled
    waiting.add(look("cd", wrong))
    assert waiting.is_settled
    assert waiting.for_good() == [wrong]


def test_a_cell_that_changes_waits_for_the_batches_that_came_since() -> None:
    wrong = differs(0, 3, 2)
    waiting = Waiting(look("a", wrong, differs(1, 5, 7)))
    busy = differs(1, 7, 8)
    waiting.add(look("b", wrong, busy))
    assert waiting.for_good() == [wrong]
    assert not waiting.is_settled
    waiting.add(look("c", wrong, busy))
    assert waiting.for_good() == [wrong, busy]
    assert waiting.is_settled


def test_nothing_is_for_good_while_it_is_not_known_what_is_counted() -> None:
    wrong = differs(0, 3, 2)
    waiting = Waiting(look(None, wrong))
    waiting.add(look("a", wrong))
    waiting.add(look(None, wrong))
    assert not waiting.for_good()
    waiting.add(look("", wrong))
    assert waiting.is_settled


def test_a_window_without_differences_is_settled() -> None:
    assert Waiting(look("")).is_settled

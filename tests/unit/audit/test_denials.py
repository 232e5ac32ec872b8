"""Calls that were not permitted get few entries, and all of them are counted."""

import random
from collections import Counter

import pytest

from libs.audit import Caller
from libs.audit.denials import DenialCounter, Denied, Kind

ANN, BOB = Caller("ann's token", "req-1"), Caller("ann's token", "req-2")
EXPORT = Kind(
    "chess", "ann's token", "/weir.aggregate.v1.AggregateService/ExportEvents", "events.export"
)
SECOND = 1_000_000


def _written(counter: DenialCounter, now_us: int) -> list[Denied]:
    found = list(counter.due(now_us))
    for denied in found:
        counter.written(denied, now_us)
    return found


def test_the_first_of_a_kind_is_due_at_once_and_the_next_ones_together_after_the_window() -> None:
    counter = DenialCounter(window_seconds=60)
    counter.add(EXPORT, ANN, 0)
    assert _written(counter, 0) == [Denied(EXPORT, ANN, 1)]
    for second in range(1, 50):
        counter.add(EXPORT, BOB, second * SECOND)
        assert _written(counter, second * SECOND) == []
    assert _written(counter, 60 * SECOND) == [Denied(EXPORT, BOB, 49)]
    assert _written(counter, 600 * SECOND) == []
    # After a quiet window it is the first again.
    counter.add(EXPORT, ANN, 600 * SECOND)
    assert _written(counter, 600 * SECOND) == [Denied(EXPORT, ANN, 1)]


def test_each_kind_is_counted_for_itself() -> None:
    counter = DenialCounter()
    kinds = [
        EXPORT,
        EXPORT._replace(app_id="go"),
        EXPORT._replace(actor="another"),
        EXPORT._replace(rpc="/weir.aggregate.v1.AggregateService/ListEvents"),
        EXPORT._replace(permission=""),
    ]
    for kind in kinds:
        counter.add(kind, ANN, 0)
    assert _written(counter, 0) == [Denied(kind, ANN, 1) for kind in kinds]


def test_what_cannot_be_written_stays_due_with_what_comes_meanwhile() -> None:
    counter = DenialCounter()
    counter.add(EXPORT, ANN, 0)
    assert counter.due(0) == [Denied(EXPORT, ANN, 1)]
    counter.add(EXPORT, BOB, 1)
    [denied] = counter.due(1)
    assert denied == Denied(EXPORT, ANN, 2)
    # One that comes while an entry is written is not lost.
    counter.add(EXPORT, BOB, 2)
    counter.written(denied, 2)
    assert counter.due(2) == []
    assert counter.everything() == [Denied(EXPORT, ANN, 1)]


def test_too_many_kinds_are_counted_by_app() -> None:
    counter = DenialCounter(max_kinds=3)
    for number in range(5):
        counter.add(EXPORT._replace(actor=f"token {number}"), Caller(f"token {number}"), 0)
    found = _written(counter, 0)
    assert [each.kind.actor for each in found] == ["token 0", "token 1", "token 2", ""]
    assert found[3] == Denied(Kind("chess", "", "", ""), Caller(""), 2)


@pytest.mark.parametrize("seed", range(20))
def test_as_many_are_written_as_there_were(seed: int) -> None:
    chance = random.Random(seed)
    counter = DenialCounter(window_seconds=10, max_kinds=4)
    added, written, entries = 0, Counter[str](), 0
    for now in range(300):
        for _ in range(chance.randrange(4)):
            kind = EXPORT._replace(app_id=chance.choice("ab"), actor=str(chance.randrange(6)))
            counter.add(kind, Caller(kind.actor), now * SECOND)
            added += 1
        for denied in counter.due(now * SECOND):
            if chance.random() < 0.7:
                counter.written(denied, now * SECOND)
                written[denied.kind.app_id] += denied.times
                entries += 1
    left = sum(each.times for each in counter.everything())
    assert written.total() + left == added
    # Four kinds and one for each app, each at most once in ten seconds.
    assert entries <= (4 + 2) * (300 // 10 + 1)

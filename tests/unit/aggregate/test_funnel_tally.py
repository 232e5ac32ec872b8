"""Funnels counted by hand."""

import random
from array import array

import pytest

from services.aggregate.behaviour.funnel.model import StepCount
from services.aggregate.behaviour.funnel.tally import FunnelTally, in_order, nearest_rank


def test_counts_and_times_are_of_those_who_came_so_far() -> None:
    tally = FunnelTally(3)
    for moments in ([0, 2, 3], [1, 7], [0, 10], [4], []):
        tally.add(None, moments)
    table = tally.table(10)
    # 2, 6 and 10 from the first step to the second: the median is 6; one third step, 1 later.
    assert table.total == [StepCount(4, None, None), StepCount(3, 6, 10), StepCount(1, 1, 1)]
    assert [group.value for group in table.groups] == [None]
    assert table.others is None


def test_the_largest_groups_are_shown_and_the_others_are_one() -> None:
    tally = FunnelTally(2)
    people = [('"b"', 3), ('"a"', 3), (None, 2), ('"c"', 1), ("5", 2)]
    for value, count in people:
        for number in range(count):
            tally.add(value, [0, number + 1] if number else [0])
    table = tally.table(3)
    # The same size: by the value, and those without one last.
    assert [group.value for group in table.groups] == ['"a"', '"b"', "5"]
    assert table.groups[0].steps == [StepCount(3, None, None), StepCount(2, 2, 3)]
    assert table.others == [StepCount(3, None, None), StepCount(1, 2, 2)]
    assert table.total == [StepCount(11, None, None), StepCount(6, 2, 3)]
    assert not table.is_cut


def test_without_groups_only_all_are_counted() -> None:
    tally = FunnelTally(2)
    tally.add(None, [0, 2])
    table = tally.table(0)
    assert table.total == [StepCount(1, None, None), StepCount(1, 2, 2)]
    assert not table.groups
    assert table.others is None


@pytest.mark.parametrize("count", [0, 1, 20_000, 20_001, 60_005])
def test_values_of_any_number_come_in_order(count: int) -> None:
    rng = random.Random(count)
    values = array("q", (rng.randrange(-1_000, 10**12) for _ in range(count)))
    assert in_order(values) == sorted(values)


def test_values_beyond_the_limit_are_among_the_others() -> None:
    tally = FunnelTally(1, max_values=2)
    for value in ("1", "2", "3", "3", "3"):
        tally.add(value, [0])
    table = tally.table(10)
    assert [group.value for group in table.groups] == ["1", "2"]
    assert table.others == [StepCount(3, None, None)]
    assert table.is_cut


@pytest.mark.parametrize(
    ("values", "half", "nine_tenths"),
    [([], None, None), ([7], 7, 7), ([1, 2], 1, 2), (list(range(1, 101)), 50, 90)],
)
def test_percentiles_are_values(
    values: list[int], half: int | None, nine_tenths: int | None
) -> None:
    assert (nearest_rank(values, 50), nearest_rank(values, 90)) == (half, nine_tenths)

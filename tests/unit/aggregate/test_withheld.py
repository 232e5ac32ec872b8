"""Which cells of a table are withheld: by hand, and over all small tables."""

from collections.abc import Iterable, Mapping
from itertools import product

import pytest

from libs.catalog import Period
from services.aggregate.behaviour.cohorts.model import Cohort, CohortsQuery
from services.aggregate.behaviour.cohorts.suppression import shown_cohorts
from services.aggregate.behaviour.funnel.model import FunnelGroup, FunnelTable, StepCount
from services.aggregate.behaviour.funnel.suppression import shown_funnel
from services.aggregate.behaviour.paths.model import PathTable, Row
from services.aggregate.behaviour.paths.suppression import shown_paths
from services.aggregate.buckets import moment
from services.aggregate.gauges.presence import Presence
from services.aggregate.suppression.lines import lines_of
from services.aggregate.suppression.presence import one_group, shown_presence
from services.aggregate.suppression.tables import safe_steps, withheld

MONDAY = moment(1_772_409_600)  # 2026-03-02
Pair = tuple[int, int]


def one_line(sizes: Mapping[str, int]) -> set[str]:
    return withheld(sizes, lambda _: ["all"], 5)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"a": 9, "b": 7}, set()),
        ({"a": 9, "b": 7, "c": 0}, set()),
        # By subtraction from the whole, c would be known; so the smallest of the others goes, too.
        ({"a": 9, "b": 7, "c": 2}, {"b", "c"}),
        # Two people may be in both: what is withheld must have one group of five.
        ({"a": 9, "b": 7, "c": 4, "d": 4}, {"b", "c", "d"}),
        ({"a": 9, "c": 2, "d": 0}, {"a", "c"}),
        ({"c": 2}, {"c"}),
    ],
)
def test_one_line(sizes: Mapping[str, int], expected: set[str]) -> None:
    assert one_line(sizes) == expected


def test_a_line_of_each_dimension_and_of_each_longer_period() -> None:
    """By hand: the small cell takes one of its row and one of its column with it, and so on."""
    people = {("x", 1): 2, ("x", 2): 8, ("x", 3): 9, ("y", 1): 8, ("y", 2): 7, ("y", 3): 9}
    cells = {(MONDAY, name, str(number)): size for (name, number), size in people.items()}
    assert withheld(cells, lines_of(()), 5) == {
        (MONDAY, name, number) for name, number in product("xy", "12")
    }
    days = {(moment(1_772_409_600 + day * 86_400),): 9 for day in range(9)}
    days[MONDAY,] = 3
    # Of its week the smallest, and of nothing else.
    assert len(withheld(days, lines_of([Period.WEEK]), 5)) == 2
    assert len(withheld(days, lines_of([]), 5)) == 1


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (3, 2)])
def test_no_difference_leads_to_a_few_people(shape: Pair) -> None:
    """Over all tables of these sizes: what a line lacks has as many people as a number must have, or nothing
    of the line is shown."""

    def lines(key: Pair) -> Iterable[tuple[str, int]]:
        return [("row", key[0]), ("column", key[1])]

    places = list(product(range(shape[0]), range(shape[1])))
    for sizes in product((0, 2, 5, 8), repeat=len(places)):
        people = dict(zip(places, sizes, strict=True))
        hidden = withheld(people, lines, 5)
        assert hidden >= {key for key, size in people.items() if 0 < size < 5}
        for line in {line for key in places for line in lines(key)}:
            of_line = {key for key in places if line in lines(key) and people[key]}
            lacking = of_line & hidden
            if lacking and of_line - hidden:
                assert len(lacking) > 1
                assert max(people[key] for key in lacking) >= 5


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((20, 12, 5), 3), ((20, 12, 4), 2), ((20, 18, 5), 1), ((20, 0), 2), ((4, 0), 0), ((9, 9), 2)],
)
def test_steps_up_to_the_first_few(counts: tuple[int, ...], expected: int) -> None:
    assert safe_steps(counts, 5) == expected


def steps(*people: int) -> list[StepCount]:
    return [StepCount(one, 1, 2) if place else StepCount(one, None, None)
            for place, one in enumerate(people)]  # fmt: skip


def test_a_funnel() -> None:
    groups = [FunnelGroup("a", steps(20, 10)), FunnelGroup("b", steps(9, 4)),
              FunnelGroup("c", steps(8, 8))]  # fmt: skip
    found = shown_funnel(FunnelTable(steps(37, 22), groups, None, False), 5)
    assert found.total == steps(37, 22)
    # b with its four takes c with it, which goes last.
    assert [(group.value, [step.people for step in group.steps]) for group in found.groups] == [
        ("a", [20, 10])
    ]
    assert [(one.people, one.median_us) for one in found.others or ()] == [(17, None), (12, None)]
    # Four of the second step reached the third.
    deep = shown_funnel(FunnelTable(steps(37, 22, 4), [], None, False), 5)
    assert [one.people for one in deep.total] == [37, 22]
    assert shown_funnel(FunnelTable(steps(3, 1), [], None, False), 5).total == ()
    safe = FunnelTable(steps(37, 22), groups[:1], steps(17, 12), False)
    assert shown_funnel(safe, 5) == safe


def test_paths() -> None:
    rows = [
        Row(1, "a", "b", 30, 20), Row(1, "a", "c", 9, 9), Row(1, "a", "", 3, 3), Row(2, "b", "c", 40, 20)
    ]  # fmt: skip
    assert shown_paths(PathTable(tuple(rows), 42), 5) == PathTable((rows[0], rows[3]), 42)
    assert shown_paths(PathTable((rows[2],), 3), 5) == PathTable((), 0)


def test_cohorts() -> None:
    query = CohortsQuery("arena", Period.WEEK, MONDAY, MONDAY)
    big = Cohort(MONDAY, '"x"', False, 30, {0: 30, 1: 12, 2: 3, 3: 28}, {}, 3)
    small = Cohort(MONDAY, '"z"', False, 4, {0: 4, 1: 4}, {}, 3)
    middle = Cohort(MONDAY, '"y"', False, 9, {0: 9}, {}, 3)
    later = Cohort(moment(1_773_014_400), '"z"', False, 9, {0: 9}, {}, 0)
    found = shown_cohorts(query, [big, middle, small, later], 5)
    assert found.cohorts == [big, later]
    # Three came back after two weeks, two did not after three; of y and z together, four after one.
    assert found.hidden_offsets == {MONDAY: {1, 2, 3}, later.start: set()}


def test_presence() -> None:
    there = Presence(21, 0, {"a": 9, "b": 8, "c": 4})
    assert shown_presence(there, 5) == Presence(21, 12, {"a": 9})
    assert shown_presence(there, 4) == there
    assert shown_presence(Presence(4, 0, {"c": 4}), 5) == Presence(0, 0, {})
    asked = {key: shown_presence(one_group(there, key, 5), 5).count for key in "abcd"}
    assert asked == {"a": 9, "b": 0, "c": 0, "d": 0}

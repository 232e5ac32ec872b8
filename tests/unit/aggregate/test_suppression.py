"""Which numbers of a segment are said, by hand."""

import pytest

from services.aggregate.behaviour.segments.model import Counted, Group
from services.aggregate.behaviour.segments.suppression import said

MANY = 1_000


@pytest.mark.parametrize(
    ("active", "people", "expected"),
    [
        (MANY, 5, 5),
        (MANY, 4, None),
        (MANY, 1, None),
        (MANY, 0, 0),
        (10, 5, 5),
        # Four who are not in it could be found by subtraction.
        (9, 5, None),
        (9, 9, 9),
        (0, 0, 0),
    ],
)
def test_the_whole(active: int, people: int, expected: int | None) -> None:
    assert said(Counted(active, people, ()), 5).people == expected


def shown(people: int, *groups: int, least: int = 5) -> list[tuple[str | None, int | None]]:
    """Groups by name: a, b, c; others None."""
    named = [(chr(ord("a") + place), count) for place, count in enumerate(groups)]
    found = said(Counted(MANY, people, named), least)
    return [(group.value, group.people) for group in found.groups]


def test_groups_that_are_large_enough_are_said_with_all_others() -> None:
    assert shown(20, 8, 7) == [("a", 8), ("b", 7), (None, 5)]
    assert shown(15, 8, 7) == [("a", 8), ("b", 7)]


def test_one_small_group_hides_the_smallest_of_the_others_too() -> None:
    assert shown(19, 8, 7, 4) == [("a", 8), ("b", None), ("c", None)]
    # All others are a group like any other.
    assert shown(19, 8, 7) == [("a", 8), ("b", None), (None, None)]
    assert shown(27, 12, 8, 2) == [("a", 12), ("b", 8), ("c", None), (None, None)]


def test_two_small_groups_hide_each_other() -> None:
    assert shown(17, 10, 4, 3) == [("a", 10), ("b", None), ("c", None)]


def test_a_group_that_is_the_whole_segment() -> None:
    assert said(Counted(MANY, 7, [("a", 7)]), 5).groups == [Group("a", False, 7)]


def test_no_group_is_said_of_a_segment_that_is_not() -> None:
    assert said(Counted(MANY, 4, [("a", 4)]), 5).groups == ()

"""Which numbers of a segment are shown: by hand, and over all small segments."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import reduce
from operator import and_

import pytest

from services.aggregate.behaviour.segments.model import CountedPeople, SegmentGroup
from services.aggregate.behaviour.segments.suppression import shown

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
    assert shown(CountedPeople(active, people, ()), 5).people == expected


def groups(people: int, *sizes: int, least: int = 5) -> list[tuple[str | None, int]]:
    """Groups by name: a, b, c; the remainder has none."""
    named = [(chr(ord("a") + place), size) for place, size in enumerate(sizes)]
    return [
        (group.value, group.people)
        for group in shown(CountedPeople(MANY, people, named), least).groups
    ]


def test_groups_that_are_large_enough_are_listed_with_all_others() -> None:
    assert groups(20, 8, 7) == [("a", 8), ("b", 7), (None, 5)]
    assert groups(15, 8, 7) == [("a", 8), ("b", 7)]


def test_one_small_group_takes_the_smallest_of_the_others_with_it() -> None:
    assert groups(19, 8, 7, 4) == [("a", 8), (None, 11)]
    # All others are a group like any other.
    assert groups(19, 8, 7) == [("a", 8), (None, 11)]
    assert groups(16, 10, 5, 1) == [("a", 10), (None, 6)]


def test_small_groups_take_others_with_them_until_they_are_enough() -> None:
    assert groups(17, 10, 4, 3) == [("a", 10), (None, 7)]
    # Two of one person each: twelve people have no group that is listed.
    assert groups(12, 10, 1, 1) == [(None, 12)]
    assert groups(27, 12, 8, 2) == [("a", 12), ("b", 8), (None, 7)]


def test_a_group_that_is_the_whole_segment() -> None:
    assert shown(CountedPeople(MANY, 7, [("a", 7)]), 5).groups == [SegmentGroup("a", False, 7)]


def test_no_group_is_listed_of_a_segment_without_number() -> None:
    assert shown(CountedPeople(MANY, 4, [("a", 4)]), 5).groups == ()


def partitions(people: int, largest: int) -> Iterator[tuple[int, ...]]:
    """All ways to divide so many people into groups, each the largest first."""
    if not people:
        yield ()
    for first in range(min(people, largest), 0, -1):
        for rest in partitions(people - first, first):
            yield (first, *rest)


@pytest.mark.parametrize("max_groups", [1, 2, 3, 10])
@pytest.mark.parametrize("least", [4, 5, 6])
def test_no_answer_gives_a_small_group_away(least: int, max_groups: int) -> None:
    """Over all segments of up to 22 people: of the segments that have the same answer, no small group is in
    all of them, however the caller subtracts."""
    behind = defaultdict(list)
    for people in range(least, 23):
        for sizes in partitions(people, people):
            found = groups(people, *sizes[:max_groups], least=least)
            assert sum(size for _, size in found) == people
            assert all(size >= least for _, size in found)
            behind[people, tuple(found)].append(sizes)
    for segments in behind.values():
        certain = reduce(and_, map(Counter, segments))
        assert all(size >= least for size in certain)

"""A funnel over arrays: by hand, and against all chains of events."""

from array import array
from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from tests.bench.queries.latest_starts import reached, summary, times_of


def test_a_later_start_saves_a_chain_that_the_first_one_could_not_end() -> None:
    # The first view is too old for the purchase at 12, the second is not.
    assert reached([[0, 5], [1, 6], [12]], window=7) == [0, 1, 12]


def test_the_window_counts_from_the_first_step_and_its_end_belongs_to_it() -> None:
    assert reached([[0], [4], [7]], window=7) == [0, 4, 7]
    assert reached([[0], [4], [8]], window=7) == [0, 4]


def test_events_at_the_same_moment_do_not_follow_each_other() -> None:
    assert reached([[3], [3], [4]], window=7) == [3]


def test_a_person_without_the_first_step_is_not_in_the_funnel() -> None:
    assert reached([[], [1], [2]], window=7) == []


def test_counts_and_medians_are_of_those_who_came_so_far() -> None:
    # 2, 6 and 10 from the first to the second step: the median is 6; one third step, 5 later.
    assert summary([[0, 2], [0, 6, 11], [1, 11], [4]], 3) == (4, 3, 1, 6, 5)


def test_packed_times_are_read_in_order() -> None:
    assert times_of((7).to_bytes(8, "big") + (-2).to_bytes(8, "big", signed=True)) == [-2, 7]
    assert times_of(None) == []
    assert array("q").itemsize == 8


TIMES = st.lists(st.integers(0, 20), max_size=5).map(sorted)


@given(st.lists(TIMES, min_size=2, max_size=4), st.integers(0, 12))
def test_it_equals_a_search_through_all_chains(steps: list[list[int]], window: int) -> None:
    expected = []
    for length in range(1, len(steps) + 1):
        ends = [
            chain[-1]
            for chain in product(*steps[:length])
            if all(a < b for a, b in pairwise(chain)) and chain[-1] - chain[0] <= window
        ]
        if not ends:
            break
        expected.append(min(ends))
    assert reached(steps, window) == expected

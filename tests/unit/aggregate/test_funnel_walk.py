"""How far a person came in a funnel: by hand, and against all chains of events."""

from array import array
from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from services.aggregate.behaviour.funnel.walk import reached, reached_in_any_order, times_of


def test_a_later_start_saves_a_chain_that_the_first_one_could_not_end() -> None:
    # The first view is too old for the purchase at 12, the second is not.
    assert reached([[0, 5], [1, 6], [12]], window=7) == [0, 1, 12]


def test_the_window_counts_from_the_first_step_and_its_end_belongs_to_it() -> None:
    assert reached([[0], [4], [7]], window=7) == [0, 4, 7]
    assert reached([[0], [4], [8]], window=7) == [0, 4]


def test_events_at_the_same_moment_do_not_follow_each_other() -> None:
    assert reached([[3], [3], [4]], window=7) == [3]


def test_one_event_is_not_two_steps() -> None:
    assert reached([[3], [3]], window=7) == [3]
    assert reached([[3, 5], [3, 5]], window=7) == [3, 5]


def test_a_person_without_the_first_step_is_not_in_the_funnel() -> None:
    assert reached([[], [1], [2]], window=7) == []


def test_in_any_order_the_number_of_steps_counts() -> None:
    assert reached_in_any_order([[9], [3], [20]], window=7, end=100) == [3, 9]
    assert reached_in_any_order([[9], [3], [10]], window=7, end=100) == [3, 9, 10]
    assert reached_in_any_order([[], [], []], window=7, end=100) == []


def test_in_any_order_the_window_begins_in_the_time_frame() -> None:
    # The event at 12 is after its end: it can complete what began before, and begin nothing.
    assert reached_in_any_order([[8], [12]], window=7, end=10) == [8, 12]
    assert reached_in_any_order([[11], [12]], window=7, end=10) == []


def test_packed_times_are_read_in_order() -> None:
    assert times_of((7).to_bytes(8, "big") + (-2).to_bytes(8, "big", signed=True)) == [-2, 7]
    assert times_of(None) == []
    assert array("q").itemsize == 8


TIMES = st.lists(st.integers(0, 20), max_size=5).map(sorted)
STEPS = st.lists(TIMES, min_size=2, max_size=4)


@given(STEPS, st.integers(0, 12))
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


@given(STEPS, st.integers(0, 12), st.integers(0, 21))
def test_any_order_equals_a_search_through_all_choices(
    steps: list[list[int]], window: int, end: int
) -> None:
    """Of each step one event or none."""
    ends: dict[int, int] = {}
    for choice in product(*[[*times, None] for times in steps]):
        chosen = [time for time in choice if time is not None]
        if chosen and max(chosen) - min(chosen) <= window and min(chosen) < end:
            ends[len(chosen)] = min(ends.get(len(chosen), max(chosen)), max(chosen))
    expected = [ends[count] for count in sorted(ends)]
    assert reached_in_any_order(steps, window, end) == expected

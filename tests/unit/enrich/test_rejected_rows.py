"""Rows that a store rejects are found by halving."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.enrich.rejected_rows import find_rejected


class Store:
    """Rejects groups with one of the `bad` items, and counts the questions."""

    def __init__(self, bad: set[int]) -> None:
        self.bad = bad
        self.asked = 0

    async def can_store(self, items: Sequence[int]) -> bool:
        self.asked += 1
        return self.bad.isdisjoint(items)


@given(st.integers(0, 60), st.sets(st.integers(0, 59)))
async def test_exactly_the_rejected_items_are_found_in_their_order(
    count: int, bad: set[int]
) -> None:
    store = Store(bad)
    assert await find_rejected(range(count), store.can_store) == sorted(bad & set(range(count)))


async def test_one_bad_row_of_a_thousand_costs_two_questions_a_halving() -> None:
    store = Store({700})
    assert await find_rejected(range(1_024), store.can_store) == [700]
    # One about all, and two about the halves of each of ten halvings.
    assert store.asked == 1 + 2 * 10


async def test_all_of_them_good_cost_one_question() -> None:
    store = Store(set())
    assert await find_rejected(range(1_000), store.can_store) == []
    assert store.asked == 1

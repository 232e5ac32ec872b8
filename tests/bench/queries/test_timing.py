"""Answers that differ end the run; times are those of the runs."""

import pytest

from tests.bench.queries.timing import Times, WrongAnswerError, compare, timed


def test_the_first_row_that_differs_is_named() -> None:
    with pytest.raises(
        WrongAnswerError, match=r"paths \(covering\), row 2: Postgres \[\(2,\)\], DuckDB \[\(3,\)\]"
    ):
        compare("paths", "covering", [(1,), (2,)], [(1,), (3,)])


@pytest.mark.parametrize(("ours", "theirs"), [([(1,)], [(1,), (2,)]), ([(1,), (2,)], [(1,)])])
def test_a_missing_row_is_a_difference(ours: list[tuple[int]], theirs: list[tuple[int]]) -> None:
    with pytest.raises(WrongAnswerError, match="row 2"):
        compare("paths", "covering", ours, theirs)


def test_no_rows_at_all_answer_nothing() -> None:
    with pytest.raises(WrongAnswerError, match="no rows on either side"):
        compare("paths", "covering", [], [])


def test_equal_answers_pass() -> None:
    compare("paths", "covering", [(1, "a")], [(1, "a")])


def test_percentiles_are_by_nearest_rank() -> None:
    assert Times.of([4.0, 1.0, 3.0, 2.0], 0.01) == Times(2.0, 4.0, 2.5, 4)


def test_it_asks_three_times_also_if_there_is_no_time_left() -> None:
    asked: list[None] = []
    assert timed(lambda: asked.append(None), runs=20, seconds=0).runs == 3
    assert len(asked) == 3

"""Answers that differ end the run; those from a sample may differ by chance only."""

import pytest

from tests.bench.queries.answers import Answer, Form, Rows, WrongAnswerError, compare

NAMED = Form(keys=1)
PEOPLE = Form(keys=1, people=1)


def test_the_first_row_that_differs_is_named() -> None:
    with pytest.raises(WrongAnswerError, match=r"paths, row 2: Weir \[\(2,\)\], DuckDB \[\(3,\)\]"):
        compare("paths", NAMED, Answer([(1,), (2,)]), [(1,), (3,)])


@pytest.mark.parametrize(("ours", "theirs"), [([(1,)], [(1,), (2,)]), ([(1,), (2,)], [(1,)])])
def test_a_missing_row_is_a_difference(ours: Rows, theirs: Rows) -> None:
    with pytest.raises(WrongAnswerError, match="row 2"):
        compare("paths", NAMED, Answer(ours), theirs)


def test_no_rows_at_all_answer_nothing() -> None:
    with pytest.raises(WrongAnswerError, match="no rows"):
        compare("paths", NAMED, Answer([]), [])


def test_equal_answers_pass() -> None:
    compare("paths", NAMED, Answer([(1, "a")]), [(1, "a")])


# Of 10,000 people, one in 4 of them: a standard deviation is sqrt(10,000 * 3) = 173.
@pytest.mark.parametrize("count", [9_140, 10_000, 10_860])
def test_a_sample_may_be_off_by_five_standard_deviations(count: int) -> None:
    compare("funnel", PEOPLE, Answer([("a", count, 7)], 4), [("a", 10_000, 8)])


@pytest.mark.parametrize("count", [9_130, 10_870])
def test_a_sample_that_is_off_by_more_is_wrong(count: int) -> None:
    with pytest.raises(WrongAnswerError, match="of one in 4"):
        compare("funnel", PEOPLE, Answer([("a", count, 7)], 4), [("a", 10_000, 8)])


def test_a_sample_may_lack_rows_of_a_few_people_only() -> None:
    compare("paths", PEOPLE, Answer([("a", 100)], 4), [("a", 100), ("b", 60)])
    with pytest.raises(WrongAnswerError, match="'b', 0"):
        compare("paths", PEOPLE, Answer([("a", 100)], 4), [("a", 100), ("b", 90)])


def test_a_sample_has_no_rows_that_all_people_do_not_have() -> None:
    with pytest.raises(WrongAnswerError, match="only Weir has"):
        compare("paths", PEOPLE, Answer([("a", 100), ("b", 4)], 4), [("a", 100)])

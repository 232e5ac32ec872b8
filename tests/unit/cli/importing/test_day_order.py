"""Which number of a date is the day: all dates of a column together decide."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from cli.importing.day_order import DayOrderError, find_day_order, strptime_format
from cli.importing.time_shapes import DayOrder, two_numbers


def _order(*values: str) -> DayOrder | None:
    return find_day_order("date", enumerate(values, start=2))


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (("03/04/2024", "13/04/2024", "05/05/2024"), DayOrder.DAY_FIRST),
        (("03/04/2024", "04/13/2024 10:00"), DayOrder.MONTH_FIRST),
        (("n/a", "03-04-2024", "2024-13-01", "31-12-2024"), DayOrder.DAY_FIRST),
        (("04/04/2024", "05/05/2024"), DayOrder.DAY_FIRST),
        # With points the day comes first, unless the column shows otherwise.
        (("03.04.2024", "05.04.2024"), DayOrder.DAY_FIRST),
        (("03.04.2024", "04.13.2024"), DayOrder.MONTH_FIRST),
        ((), None),
    ],
)
def test_one_date_decides_for_all(values: tuple[str, ...], order: DayOrder | None) -> None:
    assert _order(*values) is order


def test_an_open_question_is_asked_with_the_value() -> None:
    with pytest.raises(DayOrderError) as raised:
        _order("04/04/2024", "03/04/2024 10:00", "05/06/2024 10:00")
    message = str(raised.value)
    assert "column date: `03/04/2024 10:00` (line 3) can be read in two ways" in message
    assert '--time-format "%d/%m/%Y %H:%M" or --time-format "%m/%d/%Y %H:%M"' in message


def test_points_beside_other_separators_decide_nothing() -> None:
    with pytest.raises(DayOrderError, match="two ways"):
        _order("03.04.2024", "03/04/2024")


def test_dates_that_contradict_each_other_are_both_shown() -> None:
    with pytest.raises(DayOrderError, match=r"`13/04/2024` \(line 2\).*`04/13/2024` \(line 4\)"):
        _order("13/04/2024", "01/02/2024", "04/13/2024")


def test_other_shapes_are_not_read_to_their_end() -> None:
    def values() -> Iterator[tuple[int, str]]:
        yield 2, "2024-04-03"
        raise AssertionError

    assert find_day_order("date", values()) is None


@pytest.mark.parametrize(
    "text",
    ["13/04/2024", "13-4-2024 9:05", "13.04.2024, 10:30:15.250", "13/04/2024 9:05:07 PM +02:00"],
)
def test_the_format_that_is_proposed_reads_the_date(text: str) -> None:
    date = two_numbers(text)
    assert date is not None
    read = datetime.strptime(text, strptime_format(date, DayOrder.DAY_FIRST))
    assert (read.year, read.month, read.day) == (2024, 4, 13)
    assert read.minute == (int(date["minute"]) if date["minute"] else 0)

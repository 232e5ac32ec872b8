"""Which number of `03/04/2024` is the day: decided by all dates of a column, or not at all. Pure."""

import re
from collections.abc import Iterable

from cli.importing.time_shapes import DayOrder, recognize, two_numbers


class DayOrderError(ValueError):
    """Dates that can be read in two ways; the message shows one and says what to do."""


def find_day_order(column: str, values: Iterable[tuple[int, str]]) -> DayOrder | None:
    """The order of the dates in `values`, each with its line; None if the first time among them has
    another shape, and then no others are read. Dates with points have the day first unless one of them
    cannot: that is how countries that write points write dates. Raises DayOrderError."""
    examples: dict[DayOrder, tuple[int, re.Match[str]]] = {}
    open_example: tuple[int, re.Match[str]] | None = None
    points_only = True
    any_date = False
    for line, value in values:
        date = two_numbers(value)
        if date is None:
            if not any_date and _is_time(value):
                return None
            continue
        any_date = True
        first, other = int(date["first"]), int(date["other"])
        points_only = points_only and date["sep"] == "."
        if first > 12 >= other:
            examples.setdefault(DayOrder.DAY_FIRST, (line, date))
        elif other > 12 >= first:
            examples.setdefault(DayOrder.MONTH_FIRST, (line, date))
        elif first != other and open_example is None:
            open_example = (line, date)
    if len(examples) == 2:
        raise DayOrderError(_contradiction(column, examples))
    if examples:
        return next(iter(examples))
    if open_example and not points_only:
        raise DayOrderError(_open_question(column, *open_example))
    return DayOrder.DAY_FIRST if any_date else None


def either_format(date: re.Match[str]) -> str:
    """Both ways to read a date, as options of the command."""
    formats = (strptime_format(date, order) for order in DayOrder)
    return " or ".join(f'--time-format "{text}"' for text in formats)


def strptime_format(date: re.Match[str], order: DayOrder) -> str:
    """How `date` is written, in the words of strptime."""
    numbers = ("%d", "%m") if order is DayOrder.DAY_FIRST else ("%m", "%d")
    text = date["sep"].join((*numbers, "%Y"))
    if date["hour"] is None:
        return text
    between = date[0][date.end("year") : date.start("hour")]
    text += f"{between}{'%I' if date['half'] else '%H'}:%M"
    if date["second"] is not None:
        text += ":%S"
    if date["fraction"] is not None:
        text += f"{date[0][date.end('second')]}%f"
    if date["half"]:
        text += f"{' ' if date[0][date.start('half') - 1] == ' ' else ''}%p"
    if date["zone"]:
        text += f"{' ' if date[0][date.start('zone') - 1] == ' ' else ''}%z"
    return text


def _is_time(value: str) -> bool:
    try:
        return recognize(value, None) is not None
    except ValueError:
        return False


def _contradiction(column: str, examples: dict[DayOrder, tuple[int, re.Match[str]]]) -> str:
    (day_line, day), (month_line, month) = (examples[order] for order in DayOrder)
    return (
        f"column {column} begins with the day in `{day[0]}` (line {day_line}) and with the month in "
        f"`{month[0]}` (line {month_line}), so other dates in it can be read in two ways; say which "
        f"rows to take with {either_format(day)}"
    )


def _open_question(column: str, line: int, date: re.Match[str]) -> str:
    return (
        f"column {column}: `{date[0]}` (line {line}) can be read in two ways, and no other date in the "
        f"column decides between them; say which with {either_format(date)}"
    )

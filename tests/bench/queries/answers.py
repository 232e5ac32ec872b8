"""Answers of the service compared with DuckDB's about the same events."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

Rows = Sequence[tuple[Any, ...]]
# Of how far a count may be off, in standard deviations: a right one is further off once in two million.
_DEVIATIONS = 5


class WrongAnswerError(Exception):
    """The service and DuckDB do not agree about the same events."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the columns of a question's rows are: the first `keys` say which row it is, and the `people` after
    them are numbers of people. Only these can be compared in an answer from a sample."""

    keys: int
    people: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The service's rows, from one in `one_in` people."""

    rows: Rows
    one_in: int = 1


def compare(question: str, form: Form, ours: Answer, theirs: Rows) -> None:
    """Raises WrongAnswerError with the first row that differs, for a sample by more than chance explains;
    also if there is no row at all: then nothing was asked."""
    if not theirs:
        raise WrongAnswerError(f"{question} has no rows")
    if ours.one_in > 1:
        _compare_sampled(question, form, ours, theirs)
        return
    for place in range(max(len(ours.rows), len(theirs))):
        pair = ours.rows[place : place + 1], theirs[place : place + 1]
        if pair[0] != pair[1]:
            raise WrongAnswerError(f"{question}, row {place + 1}: Weir {pair[0]}, DuckDB {pair[1]}")


def _compare_sampled(question: str, form: Form, ours: Answer, theirs: Rows) -> None:
    keys, end = form.keys, form.keys + form.people
    found = {row[:keys]: row[keys:end] for row in ours.rows}
    for row in theirs:
        counts = found.pop(row[:keys], (0,) * form.people)
        for count, true in zip(counts, row[keys:end], strict=True):
            if abs(count - true) > _DEVIATIONS * sqrt(true * (ours.one_in - 1)):
                raise WrongAnswerError(
                    f"{question}, of one in {ours.one_in}: Weir {(*row[:keys], *counts)}, DuckDB {row}"
                )
    if found:
        raise WrongAnswerError(
            f"{question}, of one in {ours.one_in}: only Weir has {sorted(found)}"
        )

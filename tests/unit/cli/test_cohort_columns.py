"""Which numbers of cohorts are marked as provisional."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest

from cli.number_tables import cohort_columns
from cli.tables import csv_text

# Today is in the week of 16 March, which is the third of the cohorts and open.
WEEKS: list[dict[str, Any]] = [
    {
        "start": "2026-03-02",
        "size": 10,
        "active": [10, 4, 1],
        "completeness": ["final", "final", "provisional"],
    },
    {
        "start": "2026-03-09",
        "size": 8,
        "active": [8, 2],
        "completeness": ["final", "provisional"],
    },
    {"start": "2026-03-16", "size": 3, "active": [3], "completeness": ["provisional"]},
]


def shown(cohorts: Sequence[dict[str, Any]], **options: Any) -> list[list[str]]:
    """The rows without the week."""
    columns = cohort_columns(cohorts, "week", **{"percent": False, **options})
    cells = [column.cells for column in columns[1:] if not column.only_in_csv]
    return [[text or "" for text in row] for row in zip(*cells, strict=True)]


def test_the_numbers_of_the_open_week_are_marked() -> None:
    assert shown(WEEKS) == [["10", "4", "*1"], ["8", "*2", ""], ["*3", "", ""]]
    assert shown(WEEKS, percent=True) == [
        ["10", "40.0", "*10.0"],
        ["8", "*25.0", ""],
        ["*3", "", ""],
    ]


@pytest.mark.parametrize(
    ("active", "on_or_after", "people"),
    [
        (5, False, "*5"),
        (5, True, "*5"),
        # Four may become five on or after their period, which says nothing of how many entered.
        (4, True, "5"),
        (4, False, "*5"),
    ],
)
def test_people_are_provisional_while_more_can_enter(
    active: int, on_or_after: bool, people: str
) -> None:
    cohort = {
        "start": "2026-03-16",
        "size": 5,
        "active": [active],
        "completeness": ["provisional"],
    }
    assert shown([cohort], on_or_after=on_or_after) == [[people]]


def test_csv_has_the_completeness_of_each_point_in_its_own_columns() -> None:
    text = csv_text(cohort_columns(WEEKS, "week", percent=False))
    rows = list(csv.DictReader(StringIO(text)))
    assert [(row["people"], row["after_1"], row["after_2"]) for row in rows] == [
        ("10", "4", "1"),
        ("8", "2", ""),
        ("3", "", ""),
    ]
    assert [[row[f"after_{k}_completeness"] for k in range(3)] for row in rows] == [
        ["final", "final", "provisional"],
        ["final", "provisional", ""],
        ["provisional", "", ""],
    ]


def test_days_after_each_ones_own() -> None:
    cohort = {
        "start": "2026-03-09",
        "size": 8,
        "active": [5, 1],
        "days": [1, 7],
        "people": [8, 2],
        "completeness": ["final", "provisional"],
    }
    assert shown([cohort]) == [["8", "5", "*1"]]
    columns = cohort_columns([cohort], "week", percent=False)
    [first, second] = [column for column in columns if column.only_in_csv]
    assert (first.name, second.name) == ("day_1_completeness", "day_7_completeness")
    assert (first.cells, second.cells) == (["final"], ["provisional"])

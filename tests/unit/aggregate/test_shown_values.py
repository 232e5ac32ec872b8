"""Which values of a cell that is shown are withheld: worked out by hand, of the arena's `watching`."""

import pytest

from libs.catalog import Period
from services.aggregate.model import Measure
from services.aggregate.suppression.lines import is_about_people, longer_periods
from services.aggregate.suppression.values import is_of_few, people_measure, shown_values
from tests.support.arena_catalog import compile_arena, plan

WATCHING = plan().rollups["watching"]


def shown(people: int, cheering: int, watched: int) -> set[str]:
    counts = {"people": people, "cheering": cheering, "watched": watched, "special": 0}
    measures = {name: Measure(count, None, None, None) for name, count in counts.items() if count}
    return set(shown_values(WATCHING, measures, 5))


@pytest.mark.parametrize(
    ("people", "cheering", "watched", "expected"),
    [
        (20, 8, 9, {"people", "cheering", "silent", "watched"}),
        # Four cheered, or all but four: who was silent would say so, too.
        (20, 4, 9, {"people", "watched"}),
        (20, 16, 9, {"people", "watched"}),
        (20, 20, 4, {"people", "cheering", "silent"}),
        # Nothing of a person is in it.
        (0, 0, 3, {"watched"}),
    ],
)
def test_metrics_of_a_few(people: int, cheering: int, watched: int, expected: set[str]) -> None:
    assert shown(people, cheering, watched) == expected


@pytest.mark.parametrize(("people", "few"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_cell_is_judged_by_its_people(people: int, few: bool) -> None:
    """QueryRollup reads a cell, and then who is in it: what it shows is of the first."""
    counts = {"people": people, "watched": 30} if people else {"watched": 30}
    measures = {name: Measure(count, None, None, None) for name, count in counts.items()}
    assert is_of_few(WATCHING, measures, 5) is few
    events = {"events": Measure(people, None, None, None)} if people else {}
    assert is_of_few(plan().rollups["events"], events, 5) is few


def test_what_a_rollup_is_judged_by() -> None:
    assert people_measure(WATCHING) == "people"
    assert people_measure(plan().rollups["events"]) == ""
    catalog = compile_arena()
    # Months of `scores` add up what is split like it; no other rollup counts matches by week or month.
    assert longer_periods(catalog, catalog.rollups["loot"]) == set()
    more = compile_arena(
        lambda text: text.replace(
            "rollups:\n", "rollups:\n  all: {events: ['*'], period: month, metrics: {n: count}}\n"
        )
    )
    assert longer_periods(more, more.rollups["loot"]) == {Period.MONTH}
    assert longer_periods(more, more.rollups["matches"]) == set()
    assert longer_periods(more, more.rollups["events"]) == {Period.MONTH}
    assert is_about_people(catalog, catalog.rollups["loot"])
    impersonal = compile_arena(lambda text: text.replace("pii: anonymized", "pii: none"))
    assert not is_about_people(impersonal, impersonal.rollups["loot"])

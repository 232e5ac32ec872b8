"""What a handful of events add up to, worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest
from weir.common.v1 import event_pb2

from libs.catalog import compile_catalog
from services.aggregate.counting.fold import fold
from services.aggregate.counting.fold_numbers import exact_sum
from services.aggregate.model import CellKey, MeasureDelta, StoredBatch
from services.aggregate.plan import CatalogBehindError, compile_plan
from tests.support.aggregate_batches import batch, event, seconds
from tests.support.arena_catalog import APP, CATALOG, plan
from tests.support.pseudonyms import PSEUDONYMS

MONDAY = seconds("2026-04-27")
ANN, BOB = (PSEUDONYMS.pseudonym(APP, player) for player in ("ann", "bob"))
Cells = dict[CellKey, tuple[dict[str, MeasureDelta], dict[str, set[str]]]]


def folded(rollup: str, *batches: StoredBatch) -> Cells:
    """The rollup's cells by key: measures by metric, members by metric."""
    found = fold(plan(), batches, PSEUDONYMS).get(rollup)
    if found is None:
        return {}
    return {
        key: ({measure.metric: measure for measure in measures}, members)
        for key, measures, members in found.cells()
    }


def scored(*scores: Any, **others: Any) -> StoredBatch:
    """One match for each score."""
    return batch(*(event(properties={"score": score}, **others) for score in scores))


def test_every_kind_of_metric() -> None:
    cells = folded("matches", scored(10, 4, 7, player="ann", guild="g1"))
    measures, members = cells[MONDAY, "g1", None]
    assert list(cells) == [(MONDAY, "g1", None)]
    assert measures["matches"].count == 3
    assert (measures["score"].count, measures["score"].total) == (3, 21)
    # The mean and the extremes share it.
    assert (measures["score"].minimum, measures["score"].maximum) == (4.0, 10.0)
    assert set(measures) == {"matches", "players", "score"}
    assert members == {"players": {ANN}}


def test_only_numbers_are_numbers() -> None:
    cells = folded("matches", scored(5, None, True, "12", [1], 0.5))
    measures, _ = cells[MONDAY, None, None]
    assert measures["matches"].count == 6
    assert (measures["score"].count, measures["score"].total) == (2, Decimal("5.5"))
    assert (measures["score"].minimum, measures["score"].maximum) == (0.5, 5.0)


def test_a_metric_without_values_has_nothing() -> None:
    measures, _ = folded("matches", scored(None))[MONDAY, None, None]
    assert measures["score"] == MeasureDelta("score", 0, None, None, None)


def test_a_cell_without_any_value_is_not_there() -> None:
    assert folded("scores", batch(event(), event("match.left"))) == {}


def test_sums_of_decimals_are_exact() -> None:
    measures, _ = folded("matches", scored(*[0.1] * 1_000))[MONDAY, None, None]
    assert measures["score"].total == 100


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([2**63 - 1, 2**63 - 1], Decimal(2**64 - 2)),
        ([0.1, 0.2], Decimal("0.3")),
        ([1e308, 5e-324, -1e308], Decimal("5e-324")),
        ([9_007_199_254_740_993, 0.5], Decimal("9007199254740993.5")),
        ([19.99, 5], Decimal("24.99")),
    ],
)
def test_a_sum_never_rounds(numbers: list[int | float], expected: Decimal) -> None:
    assert exact_sum(numbers) == expected
    assert exact_sum(numbers[::-1]) == expected


def test_people_are_told_apart_by_subject_else_pseudonym() -> None:
    """A person who denies at noon is one person, and an id of the app for a visitor is another one."""
    visitor = "0123456789abcdef" * 2
    people = batch(
        event(player="ann"),
        event(player="ann", pseudonym=visitor),
        event(pseudonym=ANN, when="2026-04-27T12:00:01"),
        event(pseudonym=visitor),
        event(player="7"),
        event(),
    )
    _, members = folded("activity", people)[(MONDAY,)]
    assert members == {"active_users": {ANN, visitor, PSEUDONYMS.pseudonym(APP, "7")}}


def test_an_event_about_nobody_makes_nobody_active() -> None:
    assert folded("activity", batch(event())) == {}


def test_one_person_counts_in_each_day() -> None:
    cells = folded(
        "activity",
        batch(event(player="ann"), event(player="ann", when="2026-04-28T00:00:00")),
        batch(event(player="ann"), event(player="bob")),
    )
    assert {key: members["active_users"] for key, (_, members) in cells.items()} == {
        (MONDAY,): {ANN, BOB},
        (seconds("2026-04-28"),): {ANN},
    }


def test_events_are_counted_by_name_and_hour() -> None:
    cells = folded(
        "events",
        batch(event(), event("match.left"), event(), event(when="2026-04-27T11:00:00")),
    )
    hour = seconds("2026-04-27T10:00")
    assert {key: measures["events"].count for key, (measures, _) in cells.items()} == {
        (hour, "match.ended"): 2,
        (hour, "match.left"): 1,
        (hour + 3_600, "match.ended"): 1,
    }


def test_a_dimension_tells_values_apart_that_python_takes_for_equal() -> None:
    modes = [1, True, "1", 1.0, None, "", {"a": [1]}, [1], "true"]
    cells = folded("matches", batch(*(event(properties={"mode": mode}) for mode in modes)))
    assert {key[2]: measures["matches"].count for key, (measures, _) in cells.items()} == {
        b"1": 2,  # 1 and 1.0 are one number
        b"true": 1,
        "1": 1,
        None: 1,
        "": 1,
        b'{"a":[1]}': 1,
        b"[1]": 1,
        "true": 1,
    }


def test_dimensions_come_from_every_part_of_the_event() -> None:
    events = batch(
        event(properties={"score": 1}, entity_type="map", platform="ios"),
        event("match.left", properties={"score": 2}, producer=event_pb2.PRODUCER_FRONTEND),
        countries=["PT", ""],
    )
    april = seconds("2026-04-01")
    assert {key: m["score"].total for key, (m, _) in folded("scores", events).items()} == {
        (april, "PT", "map", "ios", "server"): 1,
        (april, None, None, None, "frontend"): 2,
    }


def test_a_nested_property_is_found_and_missing_steps_are_nothing() -> None:
    loot = [{"item": "sword"}, {"item": 3}, {"item": "sword"}, {}, "sword", None]
    _, members = folded("loot", batch(*(event(properties={"loot": one}) for one in loot)))[
        (MONDAY,)
    ]
    assert members == {"items": {"sword", "3"}}


def test_skipped_events_do_not_count() -> None:
    # The last is what enrich leaves of one behind a fence.
    events = event(), event(), event("chess.move"), event_pb2.Event()
    cells = folded("events", batch(*events, skipped=[0, 2, 3]))
    assert [measures["events"].count for measures, _ in cells.values()] == [1]


def test_an_event_that_the_catalog_does_not_have_is_not_passed_over() -> None:
    with pytest.raises(CatalogBehindError, match=r"arena declares no event chess\.move"):
        folded("events", batch(event(), event("chess.move")))


def test_an_environment_that_is_not_said_is_production() -> None:
    text = CATALOG.replace(
        "[country, entity.type, context.platform, producer]\n    metrics:\n",
        "[environment]\n    metrics:\n      plays: count\n",
    )
    by_environment = compile_plan(compile_catalog(text, "arena.yaml"))
    events = batch(event(), event("match.left", environment=event_pb2.ENVIRONMENT_STAGING))
    cells = fold(by_environment, [events], PSEUDONYMS)["scores"].cells()
    assert {key[1]: measures[0].count for key, measures, _ in cells} == {
        "production": 1,
        "staging": 1,
    }

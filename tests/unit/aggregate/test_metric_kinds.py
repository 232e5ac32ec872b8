"""Conditions, differences, quantiles, first and last numbers: what a few events add up to, by hand."""

from decimal import Decimal
from typing import Any

from weir.common.v1 import event_pb2

from services.aggregate.counting.fold import fold
from services.aggregate.model import CellKey, Measure
from services.aggregate.values import cell_values
from tests.support.aggregate_batches import batch, event, seconds
from tests.support.arena_catalog import plan
from tests.support.pseudonyms import PSEUDONYMS

MONDAY = seconds("2026-04-27")


def watched(player: str, time: Any, when: str = "10:00:00", **others: Any) -> event_pb2.Event:
    return event(
        "match.watched",
        f"2026-04-27T{when}",
        player=player,
        event_id=others.pop("event_id", "e"),
        properties={"seconds": time, **others},
    )


def cheered(player: str) -> event_pb2.Event:
    return event("match.cheered", player=player)


def values(*events: event_pb2.Event) -> dict[CellKey, dict[str, float]]:
    """The rollup `watching` as a reader sees it."""
    found = {}
    for key, measures, members in fold(plan(), [batch(*events)], PSEUDONYMS)["watching"].cells():
        stored = {}
        for one in measures:
            stored[one.metric] = Measure(
                len(members.get(one.metric, ())) or one.count,
                None if one.total is None else Decimal(one.total),
                one.minimum,
                one.maximum,
                one.bins,
                one.first_number,
                one.last_number,
            )
        found[key] = cell_values(plan().rollups["watching"], stored)
    return found


def test_a_condition_holds_for_events_of_its_values() -> None:
    modes: list[Any] = ["live", 5, 5.0, True, "5", 1, None, {"a": 1}, "LIVE"]
    events = [watched("ann", None, mode=mode) for mode in modes]
    [cell] = values(*events, cheered("ann")).values()
    assert cell["watched"] == 9
    # live, 5, 5.0 and true.
    assert cell["special"] == 4


def test_a_difference_is_of_two_metrics_of_the_cell() -> None:
    [cell] = values(
        watched("ann", 1), watched("bob", 1), watched("cid", 1), cheered("ann"), cheered("ann")
    ).values()
    assert (cell["people"], cell["cheering"], cell["silent"]) == (3, 1, 2)


def test_what_is_missing_is_nothing_in_a_difference() -> None:
    [cell] = values(watched("ann", 1), watched("bob", 1)).values()
    assert "cheering" not in cell
    assert cell["silent"] == 2
    [cell] = values(watched("", 1)).values()
    assert "silent" not in cell


def test_quantiles_are_of_the_events_that_meet_the_condition() -> None:
    some = [watched("ann", number, mode="live") for number in (10, 20, 30)]
    others = [watched("ann", number) for number in (100, "110", None, 120, 130)]
    [cell] = values(*some, *others).values()
    assert cell["live_median"] == 20
    # 10, 20, 30, 100, 120 and 130: the third and, 0.9 times 6 being 5.4, the sixth.
    assert (cell["median"], cell["p90"]) == (30, 130)


def test_metrics_of_the_same_numbers_share_a_measure() -> None:
    measures = {
        one.name: (one.has_bins, one.has_edges) for one in plan().rollups["watching"].measures
    }
    assert measures == {
        "cheering": (False, False),
        "live_median": (True, False),
        # Of the same numbers are p90, first_seconds and last_seconds.
        "median": (True, True),
        "people": (False, False),
        "special": (False, False),
        "watched": (False, False),
    }
    # A sum, an average and extremes of the same property: the name of the first one in the catalog.
    assert [one.name for one in plan().rollups["matches"].measures] == [
        "matches",
        "players",
        "score",
    ]


def test_first_and_last_are_by_time_and_not_by_arrival() -> None:
    [cell] = values(
        watched("ann", 2, "10:00:00.000002"),
        watched("ann", 3, "10:00:00.000003"),
        watched("ann", None, "23:00:00"),
        watched("ann", 1, "10:00:00.000001"),
    ).values()
    assert (cell["first_seconds"], cell["last_seconds"]) == (1, 3)


def test_of_events_of_one_moment_the_uuid_decides() -> None:
    low, high = f"{0:032x}", f"{1:032x}"
    ids = [
        f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}" for text in (low, high)
    ]
    one, other = (
        watched("ann", n, event_id=event_id) for n, event_id in zip((7, 5), ids, strict=True)
    )
    for events in ([one, other], [other, one]):
        [cell] = values(*events).values()
        assert (cell["first_seconds"], cell["last_seconds"]) == (7, 5)


def test_an_event_that_meets_no_condition_makes_no_cell() -> None:
    assert values(event("match.cheered")) == {}
    assert list(values(watched("", None))) == [(MONDAY, None)]

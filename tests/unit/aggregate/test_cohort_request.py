"""Requests for cohorts: until when events are read, and which numbers are final."""

from typing import Any

import pytest
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.events.postgres import END
from services.aggregate.behaviour.cohorts.convert import cohort_message, cohorts_query, relied_on
from services.aggregate.behaviour.cohorts.model import Cohort, CohortsQuery
from services.aggregate.rollups.completeness import FinalUntil
from tests.support.aggregate_batches import at
from tests.support.arena_catalog import APP, compile_arena

FINAL = reliability_pb2.COMPLETENESS_FINAL
PROVISIONAL = reliability_pb2.COMPLETENESS_PROVISIONAL
WEEK = at("2026-03-02"), at("2026-03-09")


def query(**fields: Any) -> CohortsQuery:
    request = pb.QueryCohortsRequest(
        app_id=APP, period="COHORT_PERIOD_WEEK", active_filter="name = match.left", **fields
    )
    return cohorts_query(request, compile_arena(), WEEK)


def completeness(asked: CohortsQuery, active: dict[int, int]) -> list[Any]:
    """Of the points of ten people, once everything until 20 March is stored."""
    cohort = Cohort(WEEK[0], None, False, 10, active, {1: 10}, asked.periods or 0)
    message = cohort_message(asked, cohort, 1, FinalUntil(at("2026-03-20")))
    return [(point.active, point.completeness) for point in message.points]


@pytest.mark.parametrize(
    ("until", "expected"), [("2026-03-09", FINAL), ("2026-03-08", PROVISIONAL)]
)
@pytest.mark.parametrize("fields", [{"periods": 1}, {"days": [1]}])
def test_a_size_is_final_once_the_week_of_entry_is_over(
    fields: dict[str, Any], until: str, expected: int
) -> None:
    cohort = Cohort(WEEK[0], None, False, 10, {}, {1: 10}, 1)
    message = cohort_message(query(**fields), cohort, 1, FinalUntil(at(until)))
    assert (message.size, message.completeness) == (10, expected)


@pytest.mark.parametrize("fields", [{"periods": 1}, {"days": [1]}])
def test_exactly_on_a_period_is_final_once_it_is_over(fields: dict[str, Any]) -> None:
    asked = query(**fields)
    assert relied_on(asked) < at("2026-03-20")
    assert asked.read_until < END
    assert set(completeness(asked, {1: 4})) <= {(0, FINAL), (4, FINAL)}


@pytest.mark.parametrize("fields", [{"periods": 1}, {"days": [1]}])
def test_on_or_after_a_period_can_grow_at_any_time(fields: dict[str, Any]) -> None:
    asked = query(**fields, active_when="COHORT_ACTIVITY_ON_OR_AFTER")
    assert relied_on(asked) == END
    # Activity of the seventieth day counts on or after the first.
    assert asked.read_until == END
    assert completeness(asked, {1: 9})[-1] == (9, PROVISIONAL)
    assert completeness(asked, {1: 10})[-1] == (10, FINAL)


def test_a_period_that_is_not_over_is_provisional_even_if_all_were_active() -> None:
    asked = query(periods=2, active_when="COHORT_ACTIVITY_ON_OR_AFTER")
    assert completeness(asked, {2: 10}) == [(10, FINAL), (10, FINAL), (10, PROVISIONAL)]

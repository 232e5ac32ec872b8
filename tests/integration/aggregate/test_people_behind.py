"""The events behind a funnel's drop-off and a cohort's cell are those of the people who were counted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from weir.aggregate.v1 import behaviour_pb2
from weir.aggregate.v1 import event_query_pb2 as pb

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.behaviour import NAMES, START, by_person, frame, made, rows_of
from tests.support.rejections import reason_of
from tests.support.stored_events import row, store

TIMEOUT = 30
PEOPLE = made(people=60, seed=12, hours=21 * 24)
ENDED, LEFT = NAMES
FUNNEL = behaviour_pb2.QueryFunnelRequest(
    steps=[behaviour_pb2.Step(name=ENDED), behaviour_pb2.Step(name=LEFT)],
    time=frame(0, 24 * 10),
    window=timedelta(hours=30),
)
COHORTS = behaviour_pb2.QueryCohortsRequest(
    period="COHORT_PERIOD_WEEK",
    property=behaviour_pb2.PropertyEntry(
        event=behaviour_pb2.Step(name="match.*"), field="properties.mode"
    ),
    active_filter="name = match.left",
)


@pytest.fixture
def products() -> tuple[str, ...]:
    return ("gamelaunch",)


async def listed(
    aggregate: Aggregate, of: pb.DrillDown, **fields: Any
) -> list[tuple[str, str, datetime]]:
    """Person, name and time of all events, page by page."""
    request = pb.ListEventsRequest(app_id=APP, of=of, page_size=7, **fields)
    found = []
    while True:
        page = await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
        assert page.reliability.sampling_rate == 1
        found += [
            (one.subject_id, one.name, one.occurred_at.ToDatetime(tzinfo=UTC))
            for one in page.events
        ]
        if not page.next_page_token:
            return sorted(found)
        request.page_token = page.next_page_token


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


async def test_events_of_those_who_stopped(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of(PEOPLE))
    answer = await aggregate.stub.QueryFunnel(
        behaviour_pb2.QueryFunnelRequest(
            app_id=APP, steps=FUNNEL.steps, time=FUNNEL.time, window=FUNNEL.window
        ),
        timeout=TIMEOUT,
    )
    [first, second] = [step.people for step in answer.total.steps]
    stopped = {}
    for person, events in by_person(PEOPLE).items():
        starts = [one.hour for one in events if one.name == ENDED and one.hour < 240]
        passed = any(
            0 < one.hour - start <= 30 for one in events if one.name == LEFT for start in starts
        )
        if starts and not passed:
            stopped[person] = events
    assert len(stopped) == first - second > 0
    of = pb.DrillDown(drop_off=pb.FunnelDropOff(funnel=FUNNEL, step=2))
    expected = sorted(
        (person, one.name, at(one.hour))
        for person, events in stopped.items()
        for one in events
        if one.hour < 240 + 30
    )
    assert await listed(aggregate, of) == expected
    left = await listed(aggregate, of, filter=f"name = {LEFT}")
    assert left == [one for one in expected if one[1] == LEFT]


async def test_events_of_a_cohort_in_a_period(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of(PEOPLE))
    request = behaviour_pb2.QueryCohortsRequest()
    request.CopyFrom(COHORTS)
    request.app_id = APP
    answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
    seen = 0
    for cohort in answer.cohorts:
        for point in cohort.points:
            of = pb.DrillDown(
                cohort=pb.CohortCell(
                    cohorts=COHORTS, start=cohort.start, value=cohort.value, offset=point.offset
                )
            )
            found = await listed(aggregate, of)
            active = {person for person, name, _ in found if name == LEFT}
            assert len(active) == point.active
            begin = cohort.start.ToDatetime(tzinfo=UTC) + timedelta(weeks=point.offset)
            assert found == sorted(
                (person, one.name, at(one.hour))
                for person, events in by_person(PEOPLE).items()
                if person in active
                for one in events
                if begin <= at(one.hour) < begin + timedelta(weeks=1)
            )
            seen += len(found)
    assert seen > 50


async def test_more_people_than_are_listed_are_said(stores: Stores, aggregate: Aggregate) -> None:
    store(
        stores.database_url,
        [row(ENDED, "2026-03-02T10:00:00", subject_id=f"p{n}") for n in range(1_001)],
    )
    of = pb.DrillDown(drop_off=pb.FunnelDropOff(funnel=FUNNEL, step=2))
    request = pb.ListEventsRequest(app_id=APP, of=of, page_size=1_000)
    page = await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
    assert len({event.subject_id for event in page.events}) == 1_000
    assert (page.reliability.cut.limit, page.reliability.cut.value) == ("max_people", 1_000)


async def test_what_is_refused(aggregate: Aggregate) -> None:
    other = behaviour_pb2.QueryFunnelRequest()
    other.CopyFrom(FUNNEL)
    other.app_id = "gamelaunch"
    days = behaviour_pb2.QueryCohortsRequest(period="COHORT_PERIOD_DAY", days=[1])
    cases: list[tuple[pb.DrillDown, dict[str, Any], str]] = [
        (pb.DrillDown(drop_off={"funnel": other, "step": 2}), {}, "of.drop_off.funnel.app_id"),
        (pb.DrillDown(drop_off={"funnel": FUNNEL, "step": 1}), {}, "of.drop_off.step"),
        (pb.DrillDown(drop_off={"funnel": FUNNEL, "step": 3}), {}, "of.drop_off.step"),
        (pb.DrillDown(drop_off={"step": 2}), {}, "steps"),
        (pb.DrillDown(drop_off={"funnel": FUNNEL, "step": 2}), {"time": frame(0, 1)}, "time"),
        (pb.DrillDown(cohort={"cohorts": COHORTS}), {}, "of.cohort.start"),
        (pb.DrillDown(cohort={"cohorts": days, "start": START}), {}, "of.cohort.cohorts.days"),
        (
            pb.DrillDown(cohort={"cohorts": COHORTS, "start": START, "offset": 401}),
            {},
            "of.cohort.offset",
        ),
    ]
    for of, fields, field in cases:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await aggregate.stub.ListEvents(
                pb.ListEventsRequest(app_id=APP, of=of, **fields), timeout=TIMEOUT
            )
        assert reason_of(refused.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", field)

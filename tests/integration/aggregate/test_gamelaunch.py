"""Cohorts, a funnel and paths of a real game's first month: a published table, and a recount in Python."""

import csv
import gzip
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import behaviour_pb2 as pb_behaviour
from weir.common.v1 import event_pb2

from tests.integration.aggregate import gamelaunch_recount as recount
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry
from tests.support.repository import REPOSITORY
from tests.support.stored_events import row, store

APP = "gamelaunch"
# Typed in from the README of the data, which has them from the package that publishes the data.
PUBLISHED = {
    date(2016, 4, 27): [96, 65, 55, 46, 46, 45, 44, 33, 34, 31, 26],
    date(2016, 4, 28): [200, 117, 96, 84, 82, 76, 62, 72, 63, 52, 59],
    date(2016, 4, 29): [370, 207, 181, 152, 138, 127, 114, 98, 95, 89, 84],
    date(2016, 4, 30): [387, 223, 177, 151, 129, 122, 107, 115, 114, 86, 88],
    date(2016, 5, 1): [405, 222, 178, 152, 130, 131, 128, 103, 86, 98, 84],
    date(2016, 5, 6): [127, 74, 58, 51, 42, 42, 50, 41, 42, 40, 32],
}


@pytest.fixture
def products() -> tuple[str, ...]:
    return ("gamelaunch",)


def the_file() -> Path:
    folder = os.environ.get("WEIR_TEST_DATA") or REPOSITORY.parent / "shared" / "data"
    file = Path(folder) / "gamelaunch.csv.gz"
    if not file.exists():
        pytest.skip("needs gamelaunch.csv.gz; WEIR_TEST_DATA names the folder that holds it")
    return file


def the_rows() -> list[tuple[str, date, str]]:
    with gzip.open(the_file(), "rt") as file:
        return [
            (row["userid"], date.fromisoformat(row["eventDate"]), row["eventName"])
            for row in csv.DictReader(file)
        ]


def recounted(days: dict[str, set[date]], first_of: dict[date, date]) -> dict[date, list[int]]:
    """Cohorts from each person's days; `first_of` says in which period a day is."""
    periods = sorted(set(first_of.values()))
    table: dict[date, list[int]] = {}
    for active in days.values():
        present = {first_of[day] for day in active}
        cohort = min(present)
        row = table.setdefault(cohort, [0] * (len(periods) - periods.index(cohort)))
        for period in present:
            row[periods.index(period) - periods.index(cohort)] += 1
    return table


def batches(rows: list[tuple[str, date, str]]) -> Iterator[list[event_pb2.Event]]:
    for start in range(0, len(rows), 500):
        events = []
        for number, (player, day, name) in enumerate(rows[start : start + 500]):
            message = event_pb2.Event(
                event_id=f"{start + number}", name=name, subject_id=player, properties_json=b"{}"
            )
            moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
            message.occurred_at.seconds = int(moment.timestamp())
            events.append(message)
        yield events


async def test_cohorts_funnel_and_paths(stores: Stores, aggregate: Aggregate) -> None:
    rows = the_rows()
    assert len(rows) == 29_324
    # Newest first, which is not the order in which it happened.
    for events in batches(rows[::-1]):
        fields = entry(*events, app_id=APP)
        stores.send(fields)
        stores.send(fields)
    await stores.until_drained()

    days: dict[str, set[date]] = defaultdict(set)
    for player, day, _ in rows:
        days[player].add(day)
    every_day = {day for active in days.values() for day in active}

    by_day = await cohorts(aggregate, pb.PERIOD_DAY)
    assert len(by_day) == 31
    assert by_day == recounted(days, {day: day for day in every_day})
    assert {day: by_day[day][:11] for day in PUBLISHED} == PUBLISHED

    mondays = {day: day - timedelta(days=day.weekday()) for day in every_day}
    assert await cohorts(aggregate, pb.PERIOD_WEEK) == recounted(days, mondays)
    firsts = {day: day.replace(day=1) for day in every_day}
    assert await cohorts(aggregate, pb.PERIOD_MONTH) == recounted(days, firsts)

    # A range takes whole cohorts: the same rows, and nothing of the others.
    request = pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY)
    getattr(request, "from").FromDatetime(datetime(2016, 4, 28, 12))
    request.to.FromDatetime(datetime(2016, 4, 30))
    response = await aggregate.stub.QueryCohortRetention(request, timeout=30)
    assert [list(cohort.active) for cohort in response.cohorts] == [
        by_day[date(2016, 4, 28)],
        by_day[date(2016, 4, 29)],
    ]
    await check_behaviour(stores, aggregate)


async def check_behaviour(stores: Stores, aggregate: Aggregate) -> None:
    """The same log as stored events: a funnel, paths, and cohorts by being new."""
    rows = the_rows()
    store(
        stores.database_url,
        [
            row(name, f"{day}T00:00:00", app_id=APP, subject_id=player, retention_class="keep")
            for player, day, name in rows
        ],
    )
    steps = [pb_behaviour.Step(name=name) for name in (recount.NEW, recount.STARTED)]
    for days in (1, 7):
        funnel = await aggregate.stub.QueryFunnel(
            pb_behaviour.QueryFunnelRequest(app_id=APP, steps=steps, window=timedelta(days=days)),
            timeout=30,
        )
        [new, started] = funnel.total.steps
        median = started.median_from_previous.ToTimedelta().days
        assert (new.people, started.people, median) == recount.funnel(rows, days)

    after = pb_behaviour.QueryPathsRequest(app_id=APP, depth=3, gap=timedelta(days=2))
    after.after_event = recount.NEW
    table = await aggregate.stub.QueryPaths(after, timeout=30)
    found = {(one.step, one.event, one.next): (one.count, one.people) for one in table.rows}
    assert found == recount.paths(rows, 3, 2)

    request = pb_behaviour.QueryCohortsRequest(
        app_id=APP, period="COHORT_PERIOD_WEEK", event=steps[0]
    )
    weekly = await aggregate.stub.QueryCohorts(request, timeout=30)
    assert {
        cohort.start.ToDatetime().date(): [point.active for point in cohort.points]
        for cohort in weekly.cohorts
    } == recount.weekly_cohorts(rows)
    request.days.extend((1, 7, 14))
    daily = await aggregate.stub.QueryCohorts(request, timeout=30)
    for place, days in enumerate(request.days):
        points = [cohort.points[place] for cohort in daily.cohorts]
        counted = sum(point.people for point in points), sum(point.active for point in points)
        assert counted == recount.retained(rows, days)


async def cohorts(aggregate: Aggregate, period: pb.Period) -> dict[date, list[int]]:
    response = await aggregate.stub.QueryCohortRetention(
        pb.QueryCohortRetentionRequest(app_id=APP, period=period), timeout=30
    )
    assert [cohort.size for cohort in response.cohorts] == [c.active[0] for c in response.cohorts]
    starts = [cohort.start.ToDatetime(tzinfo=UTC).date() for cohort in response.cohorts]
    assert starts == sorted(starts)
    return {
        start: list(cohort.active) for start, cohort in zip(starts, response.cohorts, strict=True)
    }

"""QueryCohorts against real stores: beside a recount in plain Python, in pages, and what it is final of."""

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from google.protobuf import json_format
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2, time_frame_pb2

from services.aggregate.behaviour.cohorts import service
from services.aggregate.behaviour.cohorts.table import cohorts_of
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP
from tests.support.behaviour import START, Done, by_person, frame, made, rows_of
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.stored_events import store
from tests.support.waiting import until

TIMEOUT = 30
# Thirty days from a Monday; whole days, because activity is known by days.
# One event of a person at a moment, since the id, which is random here, decides which of two is the first.
PEOPLE = list(
    {(one.person, one.hour): one for one in made(people=150, seed=9, hours=30 * 24)}.values()
)
Matches = Callable[[Done], bool]
# By begin of the cohort and value: its size, and (offset, people, active) for each.
Table = Mapping[tuple[date, Any], tuple[int, list[tuple[int, int, int]]]]
LEFT = pb.Step(name="match.left", filter="properties.mode != y")


def left(one: Done) -> bool:
    return one.name == "match.left" and one.mode != "y"


def day_of(one: Done) -> date:
    return (START + timedelta(hours=one.hour)).date()


def period_of(day: date, period: str) -> date:
    match period:
        case "WEEK":
            return day - timedelta(days=day.weekday())
        case "MONTH":
            return day.replace(day=1)
    return day


def periods_after(first: date, later: date, period: str) -> int:
    match period:
        case "WEEK":
            return (later - first).days // 7
        case "MONTH":
            return (later.year - first.year) * 12 + later.month - first.month
    return (later - first).days


def recounted(
    period: str,
    is_entry: Matches,
    is_active: Matches,
    *,
    value: Callable[[Done], Any] = lambda _: None,
    on_or_after: bool,
    days: Iterable[int] = (),
) -> Table:
    """From each person's events."""
    newest = max(day_of(one) for one in PEOPLE if is_active(one))
    found: dict[tuple[date, Any], tuple[int, list[tuple[int, int, int]]]] = {}
    entered: dict[tuple[date, Any], list[tuple[date, set[date]]]] = {}
    for events in by_person(PEOPLE).values():
        entries = sorted((one for one in events if is_entry(one)), key=lambda one: one.hour)
        if not entries:
            continue
        own = day_of(entries[0])
        active = {day_of(one) for one in events if is_active(one)}
        key = period_of(own, period), value(entries[0])
        entered.setdefault(key, []).append((own, active))
    for (start, named), people in entered.items():
        points = []
        last = periods_after(start, period_of(newest, period), period)
        for offset in days or range(last + 1):
            count = 0
            for own, active in people:
                offsets = {
                    (day - own).days
                    if days
                    else periods_after(start, period_of(day, period), period)
                    for day in active
                }
                count += (
                    any(after >= offset for after in offsets) if on_or_after else offset in offsets
                )
            points.append((offset, len(people), count))
        found[start, named] = len(people), points
    return found


async def cohorts(aggregate: Aggregate, **fields: Any) -> Table:
    request = pb.QueryCohortsRequest(app_id=APP, **fields)
    found = {}
    while True:
        answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
        for cohort in answer.cohorts:
            key = (
                cohort.start.ToDatetime(tzinfo=UTC).date(),
                json_format.MessageToDict(cohort.value),
            )
            assert key not in found
            points = [(point.offset, point.people, point.active) for point in cohort.points]
            found[key] = cohort.size, points
            for point in cohort.points:
                share = point.active / point.people if point.people else None
                assert (point.share if point.HasField("share") else None) == share
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


@pytest.fixture
async def stored(stores: Stores, aggregate: Aggregate) -> None:
    """All events, counted and stored."""
    store(stores.database_url, rows_of(PEOPLE))
    moments = [(one, START + timedelta(hours=one.hour)) for one in PEOPLE]
    stores.send(
        entry(
            *(
                event(
                    one.name,
                    moment.replace(tzinfo=None).isoformat(),
                    pseudonym=PSEUDONYMS.pseudonym(APP, one.person),
                )
                for one, moment in moments
            )
        )
    )
    await stores.until_drained()


@pytest.mark.usefixtures("stored")
async def test_it_equals_a_recount(aggregate: Aggregate) -> None:
    every: Matches = lambda _: True  # noqa: E731
    countries = {"x": "DE", "y": "FR"}
    for period in ("DAY", "WEEK", "MONTH"):
        asked: dict[str, Any] = {"period": f"COHORT_PERIOD_{period}"}
        for later in (False, True):
            kind = "ON_OR_AFTER" if later else "EXACTLY_ON"
            by = {**asked, "active_when": f"COHORT_ACTIVITY_{kind}"}
            # From members alone, from both, from events alone.
            found = await cohorts(aggregate, **by)
            # Entry is the first day, whichever event of it came first.
            assert found == recounted(period, every, every, on_or_after=later)
            found = await cohorts(aggregate, event=LEFT, **by)
            assert found == recounted(period, left, every, on_or_after=later)
            found = await cohorts(
                aggregate, active_filter="name = match.left AND properties.mode != y", **by
            )
            assert found == recounted(period, every, left, on_or_after=later)
            found = await cohorts(aggregate, event=LEFT, active_filter="name = match.ended", **by)
            assert found == recounted(
                period, left, lambda one: one.name == "match.ended", on_or_after=later
            )
            days = await cohorts(aggregate, event=LEFT, days=[1, 7, 30], **by)
            assert days == recounted(period, left, every, days=(1, 7, 30), on_or_after=later)
        found = await cohorts(
            aggregate,
            property=pb.PropertyEntry(event=pb.Step(name="match.*"), field="country"),
            **asked,
        )
        assert found == recounted(
            period,
            lambda one: one.mode in countries,
            every,
            value=lambda one: countries[one.mode],
            on_or_after=False,
        )


@pytest.mark.usefixtures("stored")
async def test_the_time_chooses_cohorts_and_changes_no_number(aggregate: Aggregate) -> None:
    whole = await cohorts(aggregate, period="COHORT_PERIOD_WEEK", event=LEFT)
    # From the Wednesday of the second week until the Monday of the fourth.
    time = frame(9 * 24, 21 * 24)
    found = await cohorts(aggregate, period="COHORT_PERIOD_WEEK", event=LEFT, time=time)
    weeks = sorted(whole)
    assert found == {key: whole[key] for key in weeks[1:3]}


@pytest.mark.usefixtures("stored")
async def test_values_beyond_the_limit_are_together(aggregate: Aggregate) -> None:
    entries = pb.PropertyEntry(event=pb.Step(name="match.*"), field="properties.mode")
    asked: dict[str, Any] = {"app_id": APP, "period": "COHORT_PERIOD_MONTH", "property": entries}
    whole = await aggregate.stub.QueryCohorts(pb.QueryCohortsRequest(**asked), timeout=TIMEOUT)
    sizes = {cohort.value.string_value: cohort.size for cohort in whole.cohorts}
    cut = await aggregate.stub.QueryCohorts(
        pb.QueryCohortsRequest(**asked, max_values=1), timeout=TIMEOUT
    )
    [largest, others] = cut.cohorts
    assert others.other
    assert largest.size == max(sizes.values())
    assert others.size == sum(sizes.values()) - largest.size


@pytest.mark.usefixtures("stored")
async def test_completeness_of_points_and_answers(aggregate: Aggregate) -> None:
    while True:
        request = pb.QueryCohortsRequest(
            app_id=APP, period="COHORT_PERIOD_WEEK", time=frame(0, 24), periods=2
        )
        answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
        if answer.reliability.HasField("watermark"):
            break
    final, provisional = (
        reliability_pb2.COMPLETENESS_FINAL,
        reliability_pb2.COMPLETENESS_PROVISIONAL,
    )
    assert answer.reliability.completeness == final
    assert [point.completeness for point in answer.cohorts[0].points] == [final] * 3
    # Without a number of periods, one more may be added.
    request.periods = 0
    answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
    assert answer.reliability.completeness == provisional
    assert answer.cohorts[0].points[0].completeness == final


@pytest.mark.usefixtures("stored")
async def test_cohorts_of_dirty_members_are_provisional(
    stores: Stores, aggregate: Aggregate
) -> None:
    """The Wednesday of the second week is to be recounted."""
    final = reliability_pb2.COMPLETENESS_FINAL
    provisional = reliability_pb2.COMPLETENESS_PROVISIONAL
    request = pb.QueryCohortsRequest(
        app_id=APP, period="COHORT_PERIOD_WEEK", time=frame(0, 24), periods=2
    )

    async def is_final() -> bool:
        answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
        return bool(answer.reliability.completeness == final)

    await until(is_final)
    # It is another process's turn to recount, so that the bucket stays dirty.
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1999989106, 1953853038)")
        with psycopg.connect(stores.database_url) as other:
            other.execute(
                "INSERT INTO aggregate.buckets"
                " (app_id, rollup, bucket, dirty_mark, dirty_reason, dirty_since)"
                " VALUES (%s, 'activity', %s, nextval('aggregate.recount_numbers'), 'corrected', now())",
                [APP, START + timedelta(days=9)],
            )
        answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
        assert answer.reliability.completeness == provisional
        assert [point.completeness for point in answer.cohorts[0].points] == [
            final,
            provisional,
            provisional,
        ]
        # From events alone.
        request.event.CopyFrom(LEFT)
        request.active_filter = "name = match.ended"
        assert await is_final()


@pytest.mark.usefixtures("stored")
async def test_all_pages_are_of_one_sample_and_made_in_threads(
    stores: Stores, start: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page costs may be expected anew in between: here many events more are stored."""
    threads = []

    def recorded(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return cohorts_of(*arguments)

    monkeypatch.setattr(service, "cohorts_of", recorded)
    # A page of two cohorts.
    monkeypatch.setattr(service, "fitting", lambda messages: list(messages)[:2])
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("ANALYZE enrich.events")
    stores.settings = stores.settings.model_copy(update={"max_scanned_events": 300})
    aggregate = await start()
    request = pb.QueryCohortsRequest(
        app_id=APP, period="COHORT_PERIOD_DAY", event=LEFT, active_filter="name = match.ended"
    )
    pages = [await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)]
    rate = pages[0].reliability.sampling_rate
    assert 0 < rate < 1
    store(stores.database_url, rows_of(made(people=400, seed=3, hours=24)))
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        connection.execute("ANALYZE enrich.events")
    again = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
    assert again.reliability.sampling_rate < rate
    while pages[-1].next_page_token:
        request.page_token = pages[-1].next_page_token
        pages.append(await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT))
    assert len(pages) > 2
    assert {page.reliability.sampling_rate for page in pages} == {rate}
    assert threading.main_thread() not in threads


async def test_people_whose_day_is_not_over_are_not_in_the_share(
    stores: Stores, aggregate: Aggregate
) -> None:
    """Two of ten days ago, one of them back a day later; one of today."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    old = (today - timedelta(days=10)).date().isoformat()
    back = (today - timedelta(days=9)).date().isoformat()
    seen = [("ann", old), ("bob", old), ("ann", back), ("cat", today.date().isoformat())]
    stores.send(entry(*(event("match.left", f"{day}T00:00:00", player=who) for who, day in seen)))
    await stores.until_drained()
    request = pb.QueryCohortsRequest(app_id=APP, period="COHORT_PERIOD_DAY", days=[1, 30])
    answer = await aggregate.stub.QueryCohorts(request, timeout=TIMEOUT)
    [first, new] = answer.cohorts
    assert [(point.people, point.active) for point in first.points] == [(2, 1), (0, 0)]
    assert first.points[0].share == 0.5
    assert not first.points[1].HasField("share")
    assert [(new.size, point.people) for point in new.points] == [(1, 0), (1, 0)]


async def test_a_time_without_beginning_or_end(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, rows_of([Done("ann", "match.left", 1, "x")]))
    for time in (
        time_frame_pb2.TimeFrame(),
        time_frame_pb2.TimeFrame(between={"from": START}),
        time_frame_pb2.TimeFrame(between={"to": START + timedelta(days=1)}),
    ):
        found = await cohorts(
            aggregate, period="COHORT_PERIOD_MONTH", event=LEFT, periods=400, time=time
        )
        assert [size for size, _ in found.values()] == [1]

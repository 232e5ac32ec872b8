"""Requests for runs on a real journal: none for a time after now, each once, a bounded number, and
in turn with due runs."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from libs.common.errors import InvalidArgument, LimitExceeded
from libs.jobs.job import CatchUp, JobContext
from libs.jobs.journal_view import JournalView
from libs.jobs.postgres import PostgresJournal
from libs.jobs.runner import Timing
from tests.integration.jobs.conftest import Cluster, count_one, ended, hourly
from tests.support.waiting import until

JOB = "enrich.sweep"
NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
LEASE = timedelta(seconds=60)


@pytest.fixture
async def view(cluster: Cluster) -> JournalView:
    """The journal at NOW, with a job registered."""
    await PostgresJournal(cluster.engine, "one").register("enrich", [hourly(count_one)])
    return JournalView(cluster.engine, cluster.calendar)


async def test_a_due_time_after_now_is_refused(cluster: Cluster, view: JournalView) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await view.request(JOB, NOW + timedelta(microseconds=1))
    assert (refused.value.field, refused.value.message) == (
        "due_at",
        "must not be after now, 2026-11-21T14:30:00Z",
    )
    assert cluster.outcomes() == []
    assert await view.request(JOB, NOW)
    assert cluster.outcomes() == [("11-21 14:30", "requested")]


async def test_a_request_that_waits_is_not_added_again(cluster: Cluster, view: JournalView) -> None:
    first, *others = await asyncio.gather(*(view.request(JOB, NOW) for _ in range(5)))
    assert set(others) == {first}
    assert await view.request(JOB, NOW - timedelta(hours=1)) != first
    assert cluster.outcomes() == [("11-21 14:30", "requested"), ("11-21 13:30", "requested")]
    # Once it has begun, what it does may miss what the caller has just changed: that takes a run more.
    run = await PostgresJournal(cluster.engine, "one").claim_requested(JOB, LEASE)
    assert run
    assert run.run_id == first
    assert await view.request(JOB, NOW) not in (None, first)
    assert await view.request("enrich.nothing", NOW) is None


async def test_the_requests_that_wait_are_bounded(cluster: Cluster, view: JournalView) -> None:
    minutes = [NOW - timedelta(minutes=n) for n in range(120)]
    asked = await asyncio.gather(
        *(view.request(JOB, due_at) for due_at in minutes), return_exceptions=True
    )
    refused = [error for error in asked if isinstance(error, LimitExceeded)]
    # The number that the documents and the protos promise.
    assert (len(refused), len(cluster.outcomes())) == (20, 100)
    assert refused[0].metadata == {"limit": "max_requested_runs", "value": "100"}
    assert refused[0].retry_after_seconds > 0
    # What waits is answered all the same; and when one has begun, there is room for one.
    waiting = next(n for n, answer in enumerate(asked) if not isinstance(answer, BaseException))
    assert await view.request(JOB, minutes[waiting]) == asked[waiting]
    assert await PostgresJournal(cluster.engine, "one").claim_requested(JOB, LEASE)
    assert await view.request(JOB, NOW - timedelta(days=1))


async def test_a_request_of_the_same_process_does_not_wait_for_the_next_look(
    cluster: Cluster,
) -> None:
    requested = asyncio.Event()
    view = JournalView(cluster.engine, cluster.calendar, requested)
    runner = cluster.runner(
        "one", hourly(count_one), timing=Timing(poll_seconds=3_600), requested=requested
    )
    async with cluster.running(runner):
        # What is due at the start.
        await until(lambda: ended(cluster) == ["succeeded"])
        for day in range(1, 4):
            assert await view.request(JOB, NOW - timedelta(days=day))
        await until(lambda: ended(cluster) == ["succeeded"] * 4)


async def test_due_and_requested_runs_take_turns(cluster: Cluster, view: JournalView) -> None:
    ran: list[datetime] = []

    async def work(context: JobContext) -> Mapping[str, int]:
        ran.append(context.due_at)
        return {}

    job = hourly(work, catch_up=CatchUp.EACH)
    journal = PostgresJournal(cluster.engine, "before")
    begun = await journal.claim_due(JOB, NOW.replace(hour=10, minute=0), 1, LEASE)
    assert begun
    cluster.sql("UPDATE jobs.runs SET outcome = 'succeeded', finished_at = now()")
    for day in range(1, 7):
        await view.request(JOB, datetime(2026, 11, day, tzinfo=UTC))
    async with cluster.running(cluster.runner("one", job)):
        await until(lambda: len(ran) == 10)
    by_hand = [datetime(2026, 11, day, tzinfo=UTC) for day in range(1, 7)]
    due = [NOW.replace(hour=hour, minute=0) for hour in range(11, 15)]
    in_turn = [moment for pair in zip(by_hand, due, strict=False) for moment in pair]
    assert ran == in_turn + by_hand[4:]

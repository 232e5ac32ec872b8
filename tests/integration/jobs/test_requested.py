"""Jobs that are asked for until they have ended: each once, in their order, and again after a kill."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.jobs.job import JobContext, JobError
from libs.jobs.journal_view import JournalView
from libs.jobs.postgres import PostgresJournal
from libs.jobs.requested import ATTEMPTS, RequestedJobs
from tests.integration.jobs.conftest import Cluster, count_one, hourly
from tests.support.waiting import until

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
JOBS = ("enrich.first", "enrich.second")


@pytest.fixture
def requested(cluster: Cluster) -> RequestedJobs:
    return RequestedJobs(JOBS, JournalView(cluster.engine, cluster.calendar))


async def test_one_after_the_other_and_each_once(
    cluster: Cluster, requested: RequestedJobs
) -> None:
    # No service has registered them yet.
    assert await requested.advance(NOW) == ([], False)
    jobs = [hourly(count_one, name=name) for name in JOBS]
    await PostgresJournal(cluster.engine, "one").register("enrich", jobs)
    for _ in range(2):
        [run], is_done = await requested.advance(NOW)
        assert (run.job, run.outcome, is_done) == (JOBS[0], "requested", False)
    # Nothing is due by the schedule.
    cluster.calendar.now = NOW - timedelta(days=1)
    async with cluster.running(cluster.runner("one", *jobs)):
        cluster.calendar.now = NOW
        await until(lambda: _is_done(requested))
    runs, is_done = await requested.advance(NOW)
    assert is_done
    assert [(run.job, run.outcome, run.counts) for run in runs] == [
        (job, "succeeded", {"swept": 1}) for job in JOBS
    ]
    by_hand = cluster.sql("SELECT job, due_at FROM jobs.runs WHERE trigger = 'manual' ORDER BY id")
    assert by_hand == [(job, NOW) for job in JOBS]
    # Another moment is another request.
    [run], is_done = await requested.advance(NOW - timedelta(hours=1))
    assert (run.outcome, is_done) == ("requested", False)


async def test_what_was_killed_runs_again_and_what_fails_is_left(
    cluster: Cluster, requested: RequestedJobs
) -> None:
    async def fail(_: JobContext) -> Mapping[str, int]:
        raise JobError("it is too busy")

    jobs = [hourly(count_one, name=JOBS[0]), hourly(fail, name=JOBS[1])]
    journal = PostgresJournal(cluster.engine, "one")
    await journal.register("enrich", jobs)
    await requested.advance(NOW)
    # A runner begins it and dies: its lease is over at once.
    assert await journal.claim_requested(JOBS[0], timedelta(seconds=-1))
    [run], is_done = await requested.advance(NOW)
    assert (run.outcome, is_done) == ("running", False)
    assert await journal.abandon_expired("enrich") == [JOBS[0]]
    [run], is_done = await requested.advance(NOW)
    assert (run.outcome, is_done) == ("requested", False)
    async with cluster.running(cluster.runner("two", *(replace(job) for job in jobs))):
        await until(lambda: _is_done(requested))
    (first, second), _ = await requested.advance(NOW)
    assert first.outcome == "succeeded"
    assert (second.outcome, second.error_message) == ("failed", "it is too busy")
    [(failed,)] = cluster.sql(
        "SELECT count(*) FROM jobs.runs WHERE job = %s AND trigger = 'manual'", JOBS[1]
    )
    assert failed == ATTEMPTS == 3


async def _is_done(requested: RequestedJobs) -> bool:
    return (await requested.advance(NOW))[1]

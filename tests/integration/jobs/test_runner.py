"""Jobs on a real Postgres: one replica runs each due time, and the journal says what became of it."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from prometheus_client import REGISTRY

from libs.jobs import metrics
from libs.jobs.job import CatchUp, JobContext, JobError, Retries
from libs.jobs.postgres import PostgresJournal
from libs.jobs.runner import Timing
from libs.jobs.runs import Result, RunState
from libs.jobs.schedule import Schedule
from suite.embedded import PostgresServer
from tests.integration.jobs.conftest import Cluster, count_one, ended, hourly
from tests.support.repository import REPOSITORY
from tests.support.waiting import until

LEASE = timedelta(seconds=60)
DUE = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


async def test_of_many_replicas_one_runs_each_due_time(cluster: Cluster) -> None:
    due: list[datetime] = []

    async def work(context: JobContext) -> Mapping[str, int]:
        due.append(context.due_at)
        return {"swept": len(due)}

    replicas = [cluster.runner(f"replica-{n}", hourly(work)) for n in range(5)]
    async with cluster.running(*replicas):
        for hour in range(14, 24):
            cluster.calendar.now = datetime(2026, 11, 21, hour, 30, tzinfo=UTC)
            await until(lambda: len(due) == hour - 13)  # noqa: B023 - awaited at once
    assert due == [DUE + timedelta(hours=n) for n in range(10)]
    # A run more would have had the time to begin: a replica looks many times in an hour of this clock.
    assert cluster.outcomes() == [(f"11-21 {hour}:00", "succeeded") for hour in range(14, 24)]
    [(counts, seconds)] = cluster.sql(
        "SELECT counts, extract(epoch FROM finished_at - started_at) FROM jobs.runs LIMIT 1"
    )
    assert counts == {"swept": 1}
    assert seconds >= 0


async def test_a_claim_is_given_to_one_of_many_that_ask_at_once(cluster: Cluster) -> None:
    """Also to those that looked at the journal before the first had run, and ask after it has ended."""
    journals = [PostgresJournal(cluster.engine, f"replica-{n}") for n in range(8)]
    runs = await asyncio.gather(*(j.claim_due("enrich.sweep", DUE, 1, LEASE) for j in journals))
    [run] = [run for run in runs if run]
    assert await journals[0].claim_due("enrich.sweep", DUE + LEASE, 1, LEASE) is None  # it runs
    assert await journals[0].finish(run.run_id, Result(RunState.SUCCEEDED, {}))
    for attempt in (1, 2):
        assert await journals[1].claim_due("enrich.sweep", DUE, attempt, LEASE) is None
    assert not await journals[0].finish(run.run_id, Result(RunState.FAILED, {}))
    assert not await journals[0].renew(run.run_id, LEASE)
    assert cluster.outcomes() == [("11-21 14:00", "succeeded")]


async def test_a_requested_run_waits_while_another_replica_begins_a_run_at_that_moment(
    cluster: Cluster,
) -> None:
    cluster.sql(
        "INSERT INTO jobs.runs (id, job, trigger, due_at, outcome)"
        " VALUES (gen_random_uuid(), 'enrich.sweep', 'manual', now(), 'requested')"
    )
    journal = PostgresJournal(cluster.engine, "late")
    with psycopg.connect(cluster.url) as first:
        # Not committed, so that the other one does not see it before it claims.
        first.execute(
            "INSERT INTO jobs.runs"
            " (id, job, trigger, due_at, attempt, outcome, started_at, worker, lease_until)"
            " VALUES (gen_random_uuid(), 'enrich.sweep', 'schedule', now(), 1, 'running', now(), 'x', now())"
        )
        claim = asyncio.create_task(journal.claim_requested("enrich.sweep", LEASE))
        await until(lambda: cluster.sql("SELECT pid FROM pg_locks WHERE granted = false"))
        first.commit()
    assert await claim is None
    assert [outcome for _, outcome in cluster.outcomes()].count("requested") == 1


async def test_the_run_of_a_killed_runner_is_abandoned_and_run_again(cluster: Cluster) -> None:
    await asyncio.to_thread(_kill_a_runner_at_work, cluster.url)
    [(due,)] = cluster.sql("SELECT due_at FROM jobs.runs")
    cluster.calendar.now = due
    job = replace(hourly(count_one), schedule=Schedule("* * * * *"))
    async with cluster.running(cluster.runner("heir", job)):
        await until(lambda: cluster.sql("SELECT description FROM jobs.jobs") == [("Sweeps.",)])
        # For as long as the lease holds, the dead runner's run is running.
        assert cluster.sql("SELECT outcome, worker FROM jobs.runs") == [("running", "killed")]
        cluster.sql("UPDATE jobs.runs SET lease_until = now() - interval '1 second'")
        await until(lambda: ended(cluster) == ["abandoned"])
        # It is tried again like one that failed: after a while.
        cluster.sql("UPDATE jobs.runs SET finished_at = %s", due - job.retries.after)
        await until(lambda: ended(cluster) == ["abandoned", "succeeded"])
    assert cluster.sql("SELECT due_at, worker, error_type FROM jobs.runs ORDER BY id") == [
        (due, "killed", "LeaseExpired"),
        (due, "heir", ""),
    ]


async def test_a_runner_that_loses_its_lease_stops_its_work(cluster: Cluster) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work(_: JobContext) -> Mapping[str, int]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return {}

    timing = Timing(poll_seconds=0.02, renew_seconds=0.02)
    job = hourly(work, retries=Retries(attempts=1))
    async with cluster.running(cluster.runner("frozen", job, timing=timing)):
        await begun.wait()
        # What another replica writes when the lease has expired.
        cluster.sql("UPDATE jobs.runs SET outcome = 'abandoned', finished_at = now()")
        await cancelled.wait()
    assert cluster.outcomes() == [("11-21 14:00", "abandoned")]


async def test_a_failure_is_journaled_and_tried_again_as_declared(cluster: Cluster) -> None:
    errors: list[Exception] = [ValueError("anna@example.org"), JobError("the stream is gone")]

    async def work(_: JobContext) -> Mapping[str, int]:
        if errors:
            raise errors.pop(0)
        return {"swept": 7}

    job = hourly(work, retries=Retries(3, timedelta(minutes=10)))
    before = _metric("weir_job_runs_total", outcome="failed")
    # So that the pauses of the journal's clock and of this one's fit together.
    cluster.calendar.now = datetime.now(UTC)
    async with cluster.running(cluster.runner("one", job)):
        for tries in (1, 2):
            await until(lambda: len(ended(cluster)) == tries)  # noqa: B023 - awaited at once
            cluster.sql("UPDATE jobs.runs SET finished_at = finished_at - interval '11 minutes'")
        await until(lambda: ended(cluster)[-1:] == ["succeeded"])
    assert ended(cluster) == ["failed", "failed", "succeeded"]
    # What might quote people's data is not kept; what says that it does not is.
    assert cluster.sql(
        "SELECT attempt, error_type, error_message, counts FROM jobs.runs ORDER BY id"
    ) == [
        (1, "ValueError", "", {}),
        (2, "JobError", "the stream is gone", {}),
        (3, "", "", {"swept": 7}),
    ]
    assert _metric("weir_job_runs_total", outcome="failed") == before + 2


@pytest.mark.parametrize(
    ("catch_up", "made_up_for"),
    [(CatchUp.EACH, ["21 15", "21 16", "21 17"]), (CatchUp.NEWEST, ["21 17"])],
)
async def test_three_replicas_make_up_once_for_what_was_due_while_none_ran(
    cluster: Cluster, catch_up: CatchUp, made_up_for: list[str]
) -> None:
    due: list[str] = []

    async def work(context: JobContext) -> Mapping[str, int]:
        due.append(f"{context.due_at:%d %H}")
        return {}

    job = hourly(work, catch_up=catch_up)
    replicas = [cluster.runner(f"replica-{n}", job) for n in range(3)]
    async with cluster.running(*replicas):
        await until(lambda: ended(cluster) == ["succeeded"])
    # All are down when it is due at 15:00 and 16:00, and come back after 17:00.
    cluster.calendar.now += timedelta(hours=3)
    async with cluster.running(*replicas):
        await until(lambda: len(ended(cluster)) == 1 + len(made_up_for))
        # The next one comes after all of them: a run more would stand between.
        cluster.calendar.now += timedelta(hours=1)
        await until(lambda: len(ended(cluster)) == 2 + len(made_up_for))
    assert due == ["21 14", *made_up_for, "21 18"]
    assert set(ended(cluster)) == {"succeeded"}


async def test_a_stop_ends_the_run_and_the_next_start_repeats_it(cluster: Cluster) -> None:
    begun = asyncio.Event()

    async def work(_: JobContext) -> Mapping[str, int]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    for _ in range(4):  # more often than a due time may fail
        begun.clear()
        async with cluster.running(cluster.runner("stopped", hourly(work))):
            await begun.wait()
    async with cluster.running(cluster.runner("next", hourly(count_one))):
        await until(lambda: ended(cluster)[-1:] == ["succeeded"])
    assert ended(cluster) == ["stopped"] * 4 + ["succeeded"]


async def test_jobs_wait_for_a_journal_that_is_away(
    cluster: Cluster, postgres: PostgresServer
) -> None:
    postgres.kill()
    runner = cluster.runner("one", hourly(count_one))
    async with cluster.running(runner):
        postgres.start()
        await until(lambda: ended(cluster) == ["succeeded"])


async def test_the_last_success_is_known_to_a_replica_that_did_not_run_it(
    cluster: Cluster,
) -> None:
    async with cluster.running(cluster.runner("one", hourly(count_one))):
        await until(lambda: ended(cluster) == ["succeeded"])
    [(finished,)] = cluster.sql("SELECT finished_at FROM jobs.runs")
    metrics.LAST_SUCCESS.clear()
    async with cluster.running(cluster.runner("two", hourly(count_one))):
        name = "weir_job_last_success_timestamp_seconds"
        await until(lambda: REGISTRY.get_sample_value(name, {"job": "enrich.sweep"}))
        assert _metric(name) == pytest.approx(finished.timestamp())


def _kill_a_runner_at_work(database_url: str) -> None:
    command = [sys.executable, "-m", "tests.integration.jobs.killed_runner", database_url]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        # Before it, the log.
        assert "begun\n" in runner.stdout
        runner.kill()


def _metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"job": "enrich.sweep", **labels}) or 0.0

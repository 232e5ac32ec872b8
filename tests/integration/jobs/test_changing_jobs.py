"""Jobs that come, change and go while replicas run, as jobs of catalogs do."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from prometheus_client import REGISTRY

from libs.jobs.job import Job, JobContext
from libs.jobs.postgres import PostgresJournal
from libs.jobs.runner import JobRunner
from libs.jobs.schedule import Schedule
from tests.integration.jobs.conftest import QUICK, Cluster, count_one, ended, hourly
from tests.support.waiting import until


def runner(cluster: Cluster, jobs: list[Job]) -> JobRunner:
    journal = PostgresJournal(cluster.engine, "one")
    return JobRunner("enrich", lambda: tuple(jobs), journal, cluster.calendar, QUICK)


async def test_jobs_come_change_and_go(cluster: Cluster) -> None:
    sweep = hourly(count_one)
    jobs = [sweep]
    registered = "SELECT name, schedule, description FROM jobs.jobs ORDER BY name"
    async with cluster.running(runner(cluster, jobs)):
        await until(lambda: ended(cluster) == ["succeeded"])
        jobs[:] = [replace(sweep, schedule=Schedule("45 * * * *"), description="At :45."),
                   replace(sweep, name="enrich.app.late", schedule=Schedule("15 9 * * *"))]  # fmt: skip
        await until(lambda: len(cluster.outcomes()) == 2)
        assert cluster.sql(registered) == [
            ("enrich.app.late", "15 9 * * *", "Sweeps."),
            ("enrich.sweep", "45 * * * *", "At :45."),
        ]
        # It is 14:30. The new one was due at 09:15; the changed one was run for 14:00 and is due at 14:45.
        cluster.calendar.now = datetime(2026, 11, 21, 14, 45, tzinfo=UTC)
        await until(lambda: ended(cluster) == ["succeeded"] * 3)
        assert cluster.outcomes() == [
            ("11-21 14:00", "succeeded"),
            ("11-21 09:15", "succeeded"),
            ("11-21 14:45", "succeeded"),
        ]
        del jobs[1]
        await until(lambda: cluster.sql(registered) == [("enrich.sweep", "45 * * * *", "At :45.")])
        name = "weir_job_last_success_timestamp_seconds"
        await until(lambda: REGISTRY.get_sample_value(name, {"job": "enrich.app.late"}) is None)


async def test_a_job_that_goes_finishes_its_run(cluster: Cluster) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def work(_: JobContext) -> Mapping[str, int]:
        begun.set()
        await may_end.wait()
        return {"swept": 3}

    jobs = [hourly(work)]
    async with cluster.running(runner(cluster, jobs)):
        await begun.wait()
        jobs.clear()
        await until(lambda: cluster.sql("SELECT name FROM jobs.jobs") == [])
        assert cluster.sql("SELECT outcome FROM jobs.runs") == [("running",)]
        may_end.set()
        await until(lambda: ended(cluster))
    assert cluster.sql("SELECT outcome, counts FROM jobs.runs") == [("succeeded", {"swept": 3})]


async def test_no_run_of_a_job_that_is_gone_stays_open(cluster: Cluster) -> None:
    for outcome in ("running", "requested"):
        cluster.sql(
            "INSERT INTO jobs.runs (id, job, trigger, due_at, outcome, lease_until)"
            " VALUES (gen_random_uuid(), 'enrich.gone', 'manual', now(), %s, now())",
            outcome,
        )
    # Of a service whose name begins alike: none of this one's business.
    cluster.sql(
        "INSERT INTO jobs.runs (id, job, trigger, due_at, outcome)"
        " VALUES (gen_random_uuid(), 'enrichment.sweep', 'manual', now(), 'requested')"
    )
    async with cluster.running(cluster.runner("one", hourly(count_one))):
        await until(lambda: "succeeded" in ended(cluster))
    assert cluster.sql(
        "SELECT error_type FROM jobs.runs WHERE job = 'enrich.gone' AND outcome = 'abandoned'"
        " AND finished_at IS NOT NULL ORDER BY error_type"
    ) == [("JobGone",), ("LeaseExpired",)]
    assert ("requested",) in cluster.sql("SELECT outcome FROM jobs.runs")

"""What a runner does when the journal cannot hold a result, cannot be reached, or has due times to come."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from libs.jobs.job import CatchUp, JobContext, JobError, Retries
from suite.embedded import PostgresServer
from tests.integration.jobs.conftest import Cluster, Work, count_one, ended, hourly
from tests.support.waiting import until


def raising(error: Exception) -> Work:
    async def work(_: JobContext) -> Mapping[str, int]:
        raise error

    return work


def returning(counts: Any) -> Work:
    async def work(_: JobContext) -> Mapping[str, int]:
        return counts  # type: ignore[no-any-return]

    return work


@pytest.mark.parametrize(
    ("work", "error_type", "message"),
    [
        (raising(JobError("bad \0 text \ud800")), "JobError", "bad  text ?"),
        (returning(None), "JobError", "the job returned NoneType, not numbers by name"),
        (
            returning({"rows": Decimal(3)}),
            "JobError",
            "the job returned the count rows as Decimal, not int",
        ),
        (
            returning({"ro\0ws": 3}),
            "JobError",
            "the job returned a count whose name is not an identifier",
        ),
        (
            returning({"rows": 10**5000}),
            "JobError",
            "the job returned a count rows of more than 64 bits",
        ),
        (returning({"zero": 0}), "JournalRejected", ""),
    ],
)
async def test_what_the_journal_cannot_hold_fails_the_run_alone(
    cluster: Cluster, work: Work, error_type: str, message: str
) -> None:
    """The service, and its other jobs, go on."""
    cluster.sql("ALTER TABLE jobs.runs ADD CHECK (1 / coalesce((counts->>'zero')::int, 1) = 1)")
    bad = hourly(work, name="enrich.bad", retries=Retries(attempts=1))
    async with cluster.running(cluster.runner("one", bad, hourly(count_one))):
        await until(lambda: sorted(ended(cluster)) == ["failed", "succeeded"])
        cluster.calendar.now += timedelta(hours=1)
        await until(lambda: len(ended(cluster)) == 4)
    assert (
        cluster.sql(
            "SELECT outcome, error_type, error_message, counts FROM jobs.runs WHERE job = %s",
            "enrich.bad",
        )
        == [("failed", error_type, message, {})] * 2
    )


async def test_a_count_may_have_any_name(cluster: Cluster) -> None:
    """Also one that the log uses itself."""
    work = returning({"event": 1, "job": 2, "outcome": 3})
    async with cluster.running(cluster.runner("one", hourly(work))):
        await until(lambda: ended(cluster) == ["succeeded"])


@pytest.mark.parametrize("failure", ["refuses", "is silent"])
async def test_a_stop_ends_in_time_while_the_journal_is_away(
    cluster: Cluster, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    """The run is left to its lease."""
    begun = asyncio.Event()
    monkeypatch.setattr("libs.jobs.postgres._TRANSACTION_SECONDS", 0.5)

    async def work(_: JobContext) -> Mapping[str, int]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    async with AsyncExitStack() as stack, cluster.running(cluster.runner("stopped", hourly(work))):
        await begun.wait()
        if failure == "refuses":
            postgres.kill()
        else:
            # Statements wait for the lock, as they would for a server that is frozen.
            holder = await stack.enter_async_context(
                await psycopg.AsyncConnection.connect(cluster.url)
            )
            await holder.execute("LOCK jobs.runs IN ACCESS EXCLUSIVE MODE")
    postgres.start()
    assert cluster.outcomes() == [("11-21 14:00", "running")]
    cluster.sql("UPDATE jobs.runs SET lease_until = now() - interval '1 second'")
    async with cluster.running(cluster.runner("next", hourly(count_one))):
        await until(lambda: ended(cluster)[:1] == ["abandoned"])


@pytest.mark.parametrize("catch_up", CatchUp)
async def test_a_replica_with_a_fast_clock_does_not_stop_a_job(
    cluster: Cluster, catch_up: CatchUp
) -> None:
    job = hourly(count_one, catch_up=catch_up)
    cluster.calendar.now += timedelta(days=400)
    async with cluster.running(cluster.runner("fast", job)):
        await until(lambda: ended(cluster) == ["succeeded"])
    cluster.calendar.now -= timedelta(days=400)
    async with cluster.running(cluster.runner("right", job)):
        await until(lambda: len(ended(cluster)) == 2)
        cluster.calendar.now += timedelta(hours=1)
        await until(lambda: len(ended(cluster)) == 3)
    assert cluster.outcomes() == [
        ("12-26 14:00", "succeeded"),
        ("11-21 14:00", "succeeded"),
        ("11-21 15:00", "succeeded"),
    ]

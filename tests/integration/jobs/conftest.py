"""Replicas that run jobs on a real Postgres, logged in as a service is, and a clock that tests set."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.jobs.job import Job, JobContext
from libs.jobs.postgres import PostgresJournal
from libs.jobs.runner import JobRunner, Timing
from libs.jobs.schedule import Schedule
from libs.stores.postgres import create_engine
from tests.support.clocks import FixedClock

Work = Callable[[JobContext], Awaitable[Mapping[str, int]]]
QUICK = Timing(poll_seconds=0.02)


class Cluster:
    """Replicas of enrich, and the journal that they share."""

    def __init__(self, engine: AsyncEngine, url: str) -> None:
        self.engine, self.url = engine, url
        self.calendar = FixedClock(datetime(2026, 11, 21, 14, 30, tzinfo=UTC))

    def runner(
        self,
        worker: str,
        *jobs: Job,
        timing: Timing = QUICK,
        requested: asyncio.Event | None = None,
    ) -> JobRunner:
        journal = PostgresJournal(self.engine, worker)
        return JobRunner("enrich", lambda: jobs, journal, self.calendar, timing, requested)

    @asynccontextmanager
    async def running(self, *runners: JobRunner) -> AsyncIterator[asyncio.Event]:
        """The runners go on inside the block; the event stops them."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for runner in runners:
                tasks.create_task(runner.run(stop))
            try:
                yield stop
            finally:
                stop.set()

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def outcomes(self) -> list[tuple[str, str]]:
        """Each run as due time and outcome, in the order in which they began."""
        return self.sql(
            "SELECT to_char(due_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), outcome"
            " FROM jobs.runs ORDER BY id"
        )


def hourly(work: Work, **fields: object) -> Job:
    return replace(Job("enrich.sweep", "Sweeps.", Schedule("0 * * * *"), work), **fields)  # type: ignore[arg-type]


async def count_one(_: JobContext) -> Mapping[str, int]:
    return {"swept": 1}


def ended(cluster: Cluster) -> list[str]:
    return [outcome for _, outcome in cluster.outcomes() if outcome != "running"]


@pytest.fixture
async def cluster(role_url: Callable[[str], str], database_url: str) -> AsyncIterator[Cluster]:
    engine = create_engine(role_url("weir_enrich"), service="enrich")
    yield Cluster(engine, database_url)
    await engine.dispose()

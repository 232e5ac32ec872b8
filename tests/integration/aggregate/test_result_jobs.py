"""Jobs that catalogs declare: which replica writes which result, and what becomes of one that is killed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.jobs.job import JobContext, JobError
from libs.stores.postgres import create_engine
from tests.support.clocks import FixedClock
from tests.support.repository import REPOSITORY
from tests.support.result_jobs import DAILY, WITH_JOBS, Replica, add_cell
from tests.support.waiting import eventually, until

# At 02:00, so that the job has been due an hour ago, for the 20th.
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
# What is stored of three days, by hand: the 20th has two cells of `loot`, and one of `activity`.
CELLS: list[tuple[str, str, dict[str, int], dict[str, str | None]]] = [
    ("loot", "2026-11-19T00:00Z", {"items": 9}, {"mode": "duel"}),
    ("loot", "2026-11-20T00:00Z", {"items": 5}, {"mode": "duel"}),
    ("loot", "2026-11-20T00:00Z", {"items": 2}, {"mode": None}),
    ("activity", "2026-11-20T00:00Z", {"active_users": 4}, {}),
    ("activity", "2026-11-21T00:00Z", {"active_users": 7}, {}),
]
OF_THE_20TH = [
    ("activity", {}, {"active_users": 4}),
    ("loot", {"mode": None}, {"items": 2}),
    ("loot", {"mode": "duel"}, {"items": 5}),
]
RUNS = (
    "SELECT to_char(due_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), outcome, counts FROM jobs.runs"
    f" WHERE job = '{DAILY}' ORDER BY id"
)


_OPEN_TRANSACTIONS = (
    "SELECT pid FROM pg_locks"
    " WHERE relation = 'aggregate.results'::regclass AND mode = 'RowExclusiveLock'"
)


class Database:
    """The database, and a login of aggregate."""

    def __init__(self, url: str, role_url: str, engine: AsyncEngine) -> None:
        self.url, self.role_url, self.engine = url, role_url, engine

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def cells(self, day: str) -> list[tuple[Any, ...]]:
        return self.sql(
            "SELECT rollup, dimensions, metrics FROM aggregate.result_cells"
            f" WHERE job = 'daily' AND period_start = '{day}' ORDER BY rollup, dimensions ->> 'mode'"
            " NULLS FIRST"
        )


@pytest.fixture
async def database(database_url: str, role_url: Callable[[str], str]) -> AsyncIterator[Database]:
    login = role_url("weir_aggregate")
    engine = create_engine(login, service="aggregate")
    for rollup, bucket, metrics, dimensions in CELLS:
        add_cell(database_url, rollup, bucket, metrics, dimensions)
    yield Database(database_url, login, engine)
    await engine.dispose()


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for replica in replicas:
            tasks.create_task(replica.runner.run(stop))
        try:
            yield
        finally:
            stop.set()


async def test_of_three_replicas_one_writes_a_day(database: Database) -> None:
    clock = FixedClock(NOW)
    replicas = [Replica(database.engine, f"replica-{n}", clock) for n in range(3)]
    async with running(*replicas):
        await until(lambda: [row[1] for row in database.sql(RUNS)] == ["succeeded"])
        clock.now += timedelta(days=1)
        await until(lambda: [row[1] for row in database.sql(RUNS)] == ["succeeded"] * 2)
    assert database.sql(RUNS) == [
        ("11-21 01:00", "succeeded", {"cells": 3, "final": 0, "rewritten": 0}),
        ("11-22 01:00", "succeeded", {"cells": 1, "final": 0, "rewritten": 0}),
    ]
    assert database.sql("SELECT revision, cells FROM aggregate.results ORDER BY 2") == [
        (1, 1),
        (1, 3),
    ]
    assert database.cells("2026-11-20T00:00Z") == OF_THE_20TH
    assert database.cells("2026-11-21T00:00Z") == [("activity", {}, {"active_users": 7})]


async def test_a_stop_over_two_due_times_is_made_up_for(database: Database) -> None:
    clock = FixedClock(NOW - timedelta(days=1))
    async with running(Replica(database.engine, "before", clock)):
        await until(lambda: [row[1] for row in database.sql(RUNS)] == ["succeeded"])
    clock.now += timedelta(days=2)
    async with running(Replica(database.engine, "after", clock)):
        await until(lambda: [row[1] for row in database.sql(RUNS)] == ["succeeded"] * 3)
    assert database.sql(RUNS) == [
        ("11-20 01:00", "succeeded", {"cells": 1, "final": 0, "rewritten": 0}),
        ("11-21 01:00", "succeeded", {"cells": 3, "final": 0, "rewritten": 0}),
        ("11-22 01:00", "succeeded", {"cells": 1, "final": 0, "rewritten": 0}),
    ]


async def test_a_day_is_final_when_all_that_was_expected_is_counted(database: Database) -> None:
    replica = Replica(database.engine, "one", FixedClock(NOW))
    daily, settle = replica.jobs.current()
    known = "SELECT is_final, watermark, revision FROM aggregate.results"
    # By default events are expected for 50 minutes.
    late = datetime(2026, 11, 21, 0, 49, 59, tzinfo=UTC)
    for replica.watermark in (None, late):
        assert await daily.run(JobContext(NOW)) == {"cells": 3, "final": 0, "rewritten": 0}
        assert await settle.run(JobContext(NOW)) == {"settled": 0}
    assert database.sql(known) == [(False, late, 2)]
    # An event that came late.
    database.sql("UPDATE aggregate.measures SET count = 6 WHERE count = 5")
    replica.watermark = final = late + timedelta(seconds=1)
    assert await settle.run(JobContext(NOW)) == {"settled": 1}
    assert await settle.run(JobContext(NOW)) == {"settled": 0}
    assert database.sql(known) == [(True, final, 3)]
    assert database.cells("2026-11-20T00:00Z") == [
        *OF_THE_20TH[:2],
        ("loot", {"mode": "duel"}, {"items": 6}),
    ]


async def test_what_is_to_be_recounted_is_not_final(database: Database) -> None:
    replica = Replica(database.engine, "one", FixedClock(NOW))
    replica.watermark = NOW
    daily, settle = replica.jobs.current()
    database.sql(
        "INSERT INTO aggregate.buckets (app_id, rollup, bucket, dirty_mark)"
        " VALUES ('arena', 'loot', '2026-11-20T00:00Z', 7)"
    )
    assert await daily.run(JobContext(NOW)) == {"cells": 3, "final": 0, "rewritten": 0}
    assert await settle.run(JobContext(NOW)) == {"settled": 1}
    assert database.sql("SELECT is_final FROM aggregate.results") == [(False,)]
    # As closing a recount does.
    database.sql("UPDATE aggregate.buckets SET dirty_mark = NULL, revision = 1")
    assert await settle.run(JobContext(NOW)) == {"settled": 1}
    assert await settle.run(JobContext(NOW)) == {"settled": 0}
    assert database.sql("SELECT is_final FROM aggregate.results") == [(True,)]


async def test_a_run_writes_earlier_results_again_that_have_changed(database: Database) -> None:
    """Of the 19th and the 20th, both written; then a recount of one bucket, and events of another one."""
    replica = Replica(database.engine, "one", FixedClock(NOW + timedelta(days=1)))
    daily, _ = replica.jobs.current()
    for rollup_hour in ("2026-11-19T08:00Z", "2026-11-20T23:00Z"):
        add_cell(database.url, "events", rollup_hour, {"events": 9}, {"name": "match.ended"})
    for day in (0, 1):
        found = await daily.run(JobContext(NOW - timedelta(days=1 - day)))
        assert found["rewritten"] == 0
    revisions = "SELECT period_start::date::text, revision FROM aggregate.results ORDER BY 1"
    changed = "UPDATE aggregate.measures SET count = 10, version = 2 WHERE cell_id IN ({})"
    cell = "SELECT cell_id FROM aggregate.cells WHERE rollup = 'events' AND bucket > '2026-11-20'"
    database.sql(changed.format(cell))
    assert (await daily.run(JobContext(NOW + timedelta(days=1))))["rewritten"] == 1
    assert database.sql(revisions) == [("2026-11-19", 1), ("2026-11-20", 2), ("2026-11-21", 1)]
    database.sql(
        "INSERT INTO aggregate.buckets (app_id, rollup, bucket, generation, revision)"
        " VALUES ('arena', 'activity', '2026-11-19T00:00Z', 3, 1)"
    )
    # Of what the job does not read.
    database.sql(
        "INSERT INTO aggregate.buckets (app_id, rollup, bucket, generation, revision)"
        " VALUES ('arena', 'matches', '2026-11-20T00:00Z', 3, 1)"
    )
    for rewritten in (1, 0):
        found = await daily.run(JobContext(NOW + timedelta(days=1)))
        assert found["rewritten"] == rewritten
    assert database.sql(revisions) == [("2026-11-19", 2), ("2026-11-20", 2), ("2026-11-21", 3)]
    # 35 days before December 25 the 20th began.
    database.sql(changed.format(cell).replace("version = 2", "version = 3"))
    for day, rewritten in ((26, 0), (25, 1)):
        found = await daily.run(JobContext(datetime(2026, 12, day, tzinfo=UTC)))
        assert found["rewritten"] == rewritten


async def test_a_period_that_has_expired_is_not_written_again(database: Database) -> None:
    """The result would lack what it had when it was written."""
    catalog = WITH_JOBS.replace("  loot:\n", "  loot:\n    retention: 30d\n")
    replica = Replica(database.engine, "one", FixedClock(NOW), catalog)
    [daily, _] = replica.jobs.current()
    assert (await daily.run(JobContext(NOW - timedelta(days=29))))["cells"] == 0
    with pytest.raises(JobError, match="before 2026-10-22T00:00Z are not kept"):
        await daily.run(JobContext(NOW - timedelta(days=30)))


async def test_a_repeated_run_replaces(database: Database) -> None:
    [daily, _] = Replica(database.engine, "one", FixedClock(NOW)).jobs.current()
    assert await daily.run(JobContext(NOW)) == {"cells": 3, "final": 0, "rewritten": 0}
    database.sql("DELETE FROM aggregate.cells WHERE dimensions = '{\"mode\": null}'")
    database.sql("UPDATE aggregate.measures SET count = 8 WHERE count = 4")
    for revision in (2, 3):
        assert await daily.run(JobContext(NOW)) == {"cells": 2, "final": 0, "rewritten": 0}
        assert database.sql("SELECT revision, cells FROM aggregate.results") == [(revision, 2)]
    assert database.cells("2026-11-20T00:00Z") == [
        ("activity", {}, {"active_users": 8}),
        ("loot", {"mode": "duel"}, {"items": 5}),
    ]


async def test_more_cells_than_are_read_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.aggregate.results.postgres.CELLS_AT_A_TIME", 1)
    [daily, _] = Replica(database.engine, "one", FixedClock(NOW)).jobs.current()
    assert await daily.run(JobContext(NOW)) == {"cells": 3, "final": 0, "rewritten": 0}
    assert database.cells("2026-11-20T00:00Z") == OF_THE_20TH


async def test_a_replica_killed_while_it_writes(database: Database) -> None:
    """It has begun to replace the result; the next attempt writes what it would have written."""
    await asyncio.to_thread(_kill_a_replica_that_writes, database)
    assert database.sql("SELECT job FROM aggregate.results") == []
    database.sql("UPDATE jobs.runs SET lease_until = now() - interval '1 second'")
    clock = FixedClock(NOW)
    async with running(Replica(database.engine, "heir", clock)):
        await until(lambda: [row[1] for row in database.sql(RUNS)] == ["abandoned"])
        # It is tried again after a while.
        database.sql("UPDATE jobs.runs SET finished_at = '2026-11-21T01:30Z'")
        await until(lambda: [row[1] for row in database.sql(RUNS)] == ["abandoned", "succeeded"])
    assert database.sql(
        f"SELECT attempt, worker FROM jobs.runs WHERE job = '{DAILY}' ORDER BY id"
    ) == [(1, "killed"), (2, "heir")]
    assert database.cells("2026-11-20T00:00Z") == OF_THE_20TH


def _kill_a_replica_that_writes(database: Database) -> None:
    command = [sys.executable, "-m", "tests.integration.aggregate.result_worker"]
    arguments = [*command, database.role_url, NOW.isoformat()]
    waiting = (
        "SELECT pid FROM pg_locks WHERE granted = false"
        " AND relation = 'aggregate.result_cells'::regclass"
    )
    with psycopg.connect(database.url) as blocker:
        blocker.execute("LOCK TABLE aggregate.result_cells IN EXCLUSIVE MODE")
        with subprocess.Popen(arguments, cwd=REPOSITORY) as worker:
            try:
                eventually(lambda: database.sql(waiting))
            finally:
                worker.kill()
    # Its transaction is rolled back when Postgres finds it gone.
    eventually(lambda: not database.sql(_OPEN_TRANSACTIONS))

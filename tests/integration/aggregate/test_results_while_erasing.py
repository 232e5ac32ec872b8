"""A result is written while a person is erased whom its cells name."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import Unavailable
from libs.common.subject_data import SubjectRef
from libs.jobs.job import JobContext
from libs.stores.postgres import create_engine
from services.aggregate.erasure.postgres import forget_in_results
from tests.support.arena_catalog import APP
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.result_jobs import Replica, add_cell
from tests.support.waiting import until

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
ANN = SubjectRef(APP, "ann", tuple(PSEUDONYMS.all_epochs(APP, "ann")))
FORGET_CELLS = f"DELETE FROM aggregate.cells WHERE dimensions ->> 'mode' = '{ANN.persons[0]}'"


@pytest.fixture
async def engine(database_url: str, role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    for mode in (ANN.persons[0], "duel"):
        add_cell(database_url, "loot", "2026-11-20T00:00Z", {"items": 5}, {"mode": mode})
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    yield engine
    await engine.dispose()


async def write(engine: AsyncEngine) -> None:
    daily, _ = Replica(engine, "one", FixedClock(NOW)).jobs.current()
    await daily.run(JobContext(NOW))


async def erase(engine: AsyncEngine) -> int:
    async with engine.begin() as connection:
        return await forget_in_results(connection, ANN)


async def until_one_waits_for(database_url: str, table: str) -> None:
    waiting = f"SELECT FROM pg_locks WHERE granted = false AND relation = '{table}'::regclass"
    with psycopg.connect(database_url, autocommit=True) as database:
        await until(lambda: bool(database.execute(waiting.encode()).fetchall()))


def modes(database_url: str) -> list[str]:
    with psycopg.connect(database_url) as database:
        rows = database.execute("SELECT dimensions ->> 'mode' FROM aggregate.result_cells")
        return [mode for (mode,) in rows]


async def test_an_erasure_waits_for_a_result_that_saw_the_person(
    engine: AsyncEngine, database_url: str
) -> None:
    async with asyncio.TaskGroup() as tasks:
        with psycopg.connect(database_url) as blocker:
            # Nothing but the writer needs it.
            blocker.execute("LOCK TABLE aggregate.buckets IN ACCESS EXCLUSIVE MODE")
            writing = tasks.create_task(write(engine))
            await until_one_waits_for(database_url, "aggregate.buckets")
            with psycopg.connect(database_url, autocommit=True) as database:
                assert database.execute(FORGET_CELLS.encode()).rowcount == 1
            erasing = tasks.create_task(erase(engine))
            await until_one_waits_for(database_url, "aggregate.results")
        await writing
        assert await erasing == 1
    assert modes(database_url) == ["duel"]


async def test_a_result_that_begins_meanwhile_does_not_see_the_person(
    engine: AsyncEngine, database_url: str
) -> None:
    await write(engine)
    async with asyncio.TaskGroup() as tasks:
        async with engine.begin() as erasing:
            await erasing.execute(text(FORGET_CELLS))
            assert await forget_in_results(erasing, ANN) == 1
            writing = tasks.create_task(write(engine))
            await until_one_waits_for(database_url, "aggregate.results")
        await writing
    assert modes(database_url) == ["duel"]


async def test_an_erasure_comes_again_if_a_result_takes_long(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "services.aggregate.results.writers.postgres._LIMIT",
        text("SET LOCAL lock_timeout = '10ms'"),
    )
    with psycopg.connect(database_url) as writer:
        writer.execute("DELETE FROM aggregate.results")
        with pytest.raises(Unavailable, match="a result is being written"):
            await erase(engine)
    assert await erase(engine) == 0

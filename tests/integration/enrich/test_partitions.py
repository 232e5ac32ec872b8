"""Leaves of `enrich.events` on a real Postgres: made, filled and merged while every event stays in place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.partitions.plan import PartitionChange, next_change, wanted_leaves
from services.enrich.partitions.postgres import PostgresPartitionStore, _apply
from suite.embedded import PostgresServer
from tests.support.clocks import FixedClock
from tests.support.partitions import finish
from tests.support.waiting import until

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
INSERT = """
    INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name,
                               schema_version, producer, environment, properties)
    SELECT gen_random_uuid(), moment, %(now)s, 'chess', %(retention_class)s, %(name)s, '1.0.0',
           'server', 'production', '{}'
    FROM unnest(%(moments)s::timestamptz[]) AS moment
"""
TABLES = """
    SELECT tableoid::regclass::text AS leaf, count(*) FROM enrich.events GROUP BY leaf ORDER BY leaf
"""


@pytest.fixture
def calendar() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def keeper(engine: AsyncEngine, calendar: FixedClock) -> PartitionKeeper:
    return PartitionKeeper(PostgresPartitionStore(engine), calendar, pause_seconds=0.0)


@pytest.fixture
async def connection(role_url: Callable[[str], str]) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    # Asynchronous, because it may wait for locks that the keeper holds in this event loop.
    url = role_url("weir_enrich")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        yield connection


async def _store(
    connection: psycopg.AsyncConnection[Any],
    *moments: datetime,
    retention_class: str = "90d",
    name: str = "game.ended",
) -> None:
    await connection.execute(
        INSERT,
        {"now": NOW, "retention_class": retention_class, "name": name, "moments": list(moments)},
    )


async def _rows(connection: psycopg.AsyncConnection[Any], statement: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement.encode())).fetchall()


async def _make_days_of_an_older_release(
    connection: psycopg.AsyncConnection[Any], days: list[datetime]
) -> None:
    for day in days:
        statement = sql.SQL(
            "CREATE TABLE {} PARTITION OF enrich.events_90d FOR VALUES FROM ({}) TO ({})"
        )
        name = sql.Identifier("enrich", f"events_90d_{day:%Y%m%d}")
        await connection.execute(statement.format(name, day, day + timedelta(days=1)))


async def test_events_of_8000_days_are_stored_at_once_and_get_a_bounded_number_of_leaves(
    keeper: PartitionKeeper, connection: psycopg.AsyncConnection[Any]
) -> None:
    days = [NOW - timedelta(days=n) for n in range(8_000)]
    for retention_class in ("1d", "7d", "30d", "90d", "1y", "2y", "3y", "7y", "10y", "keep"):
        await _store(connection, *days, retention_class=retention_class)
    # No leaf had to be made for that.
    assert await _rows(
        connection,
        "SELECT count(*) FROM pg_inherits WHERE inhparent IN "
        "(SELECT oid FROM pg_class WHERE relname LIKE 'events%' AND relkind = 'p')",
    ) == [(20,)]
    await finish(keeper)
    [(leaves,)] = await _rows(
        connection,
        "SELECT count(*) FROM pg_partition_tree('enrich.events') WHERE isleaf",
    )
    assert leaves < 400
    tables = dict(await _rows(connection, TABLES))
    assert sum(tables.values()) == 80_000
    assert not [name for name in tables if name.endswith("_default")]
    assert tables["enrich.events_90d_20261121"] == 1
    # Day 0 to day 90 have a leaf of their own.
    assert tables["enrich.events_90d_older"] == 8_000 - 91
    assert tables["enrich.events_keep_2025"] == 365


async def test_a_query_by_time_plans_only_the_leaves_of_that_time(
    keeper: PartitionKeeper, connection: psycopg.AsyncConnection[Any]
) -> None:
    await _store(connection, NOW, NOW - timedelta(days=4_000))
    await finish(keeper)

    async def planned(start: str, end: str) -> set[str]:
        lines = await _rows(
            connection,
            "EXPLAIN SELECT * FROM enrich.events WHERE retention_class = '90d'"
            f" AND occurred_at >= '{start}' AND occurred_at < '{end}'",
        )
        words = " ".join(line for (line,) in lines).split()
        return {word for word in words if word.startswith("events_90d") and "_idx" not in word}

    assert await planned("2026-11-18", "2026-11-21") == {
        "events_90d_20261118",
        "events_90d_20261119",
        "events_90d_20261120",
    }
    assert await planned("2015-01-01", "2016-01-01") == {"events_90d_older"}


async def test_leaves_are_made_before_live_events_need_them(
    keeper: PartitionKeeper, calendar: FixedClock, connection: psycopg.AsyncConnection[Any]
) -> None:
    await finish(keeper)
    for _ in range(30):
        for retention_class in ("7d", "3y", "keep"):
            await _store(connection, calendar.now, retention_class=retention_class)
        calendar.now += timedelta(hours=1)
        await keeper.make_and_merge()
    tables = dict(await _rows(connection, TABLES))
    # From 14:30 on the 21st: ten events of every class that day, and 20 on the next.
    assert tables == {
        "enrich.events_7d_20261121": 10,
        "enrich.events_7d_20261122": 20,
        "enrich.events_3y_202611": 30,
        "enrich.events_keep_2026": 30,
    }


async def test_the_job_makes_what_time_alone_makes_due(
    keeper: PartitionKeeper, calendar: FixedClock, engine: AsyncEngine
) -> None:
    store = PostgresPartitionStore(engine)

    async def leaves() -> set[str]:
        return {leaf.name for found in (await store.leaves()).values() for leaf in found}

    await finish(keeper)
    before = await leaves()
    calendar.now += timedelta(days=1)
    # The loop has nothing to react to, however much time goes by.
    assert await keeper.make_and_merge_once()
    assert await leaves() == before
    # On the 22nd, the four classes with a leaf a day need one for the 23rd.
    assert (await keeper.make_and_merge())["made"] == 4
    days = {f"events_{name}_20261123" for name in ("1d", "7d", "30d", "90d")}
    assert await leaves() - before == days
    assert await keeper.make_and_merge() == {"made": 0, "merged": 0}


async def test_the_far_future_stays_in_the_default_leaf_until_its_time_comes(
    keeper: PartitionKeeper, calendar: FixedClock, connection: psycopg.AsyncConnection[Any]
) -> None:
    christmas = datetime(2026, 12, 24, 18, tzinfo=UTC)
    await _store(connection, christmas, christmas + timedelta(days=400))
    await finish(keeper)
    assert dict(await _rows(connection, TABLES)) == {"enrich.events_90d_default": 2}
    calendar.now = christmas - timedelta(days=5)
    await keeper.make_and_merge()
    assert dict(await _rows(connection, TABLES)) == {
        "enrich.events_90d_20261224": 1,
        "enrich.events_90d_default": 1,
    }


async def test_days_that_age_out_of_their_class_are_merged(
    keeper: PartitionKeeper, calendar: FixedClock, connection: psycopg.AsyncConnection[Any]
) -> None:
    for _ in range(40):
        await _store(connection, calendar.now, retention_class="7d")
        await keeper.make_and_merge()
        calendar.now += timedelta(days=1)
    tables = dict(await _rows(connection, TABLES))
    assert sum(tables.values()) == 40
    # The last merge was on day 39: 7 days back, and that day itself.
    assert (len(tables), tables["enrich.events_7d_older"]) == (9, 40 - 8)


async def test_a_database_of_an_older_release_is_brought_in_order_without_losing_an_event(
    keeper: PartitionKeeper, connection: psycopg.AsyncConnection[Any]
) -> None:
    days = [
        datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n)
        for n in [*range(0, 600, 3), *range(900, 1056)]
    ]
    await _make_days_of_an_older_release(connection, days)
    await _store(connection, *days, *(day + timedelta(hours=30) for day in days))
    before = await _rows(connection, "SELECT event_uuid, occurred_at FROM enrich.events ORDER BY 1")
    await finish(keeper)
    after = await _rows(connection, "SELECT event_uuid, occurred_at FROM enrich.events ORDER BY 1")
    assert after == before
    leaves = await _rows(
        connection,
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid"
        " WHERE inhparent = 'enrich.events_90d'::regclass",
    )
    wanted = {leaf.name for leaf in wanted_leaves("90d", NOW)}
    assert {name for (name,) in leaves} == wanted | {"events_90d_default"}
    # The indexes too: each leaf has those of its parent.
    [(indexes,)] = await _rows(
        connection,
        "SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
        " WHERE indrelid = 'enrich.events_90d_older'::regclass",
    )
    assert indexes == 5
    [(vacuumed_early,)] = await _rows(
        connection,
        "SELECT bool_and('autovacuum_vacuum_insert_scale_factor=0.05' = ANY(reloptions))"
        " FROM pg_partition_tree('enrich.events') JOIN pg_class ON oid = relid WHERE isleaf",
    )
    assert vacuumed_early


async def test_months_of_an_older_release_become_years(
    keeper: PartitionKeeper, connection: psycopg.AsyncConnection[Any]
) -> None:
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 4, 11)]
    for month in months:
        end = (month + timedelta(days=31)).replace(day=1)
        statement = sql.SQL(
            "CREATE TABLE {} PARTITION OF enrich.events_keep FOR VALUES FROM ({}) TO ({})"
        )
        name = sql.Identifier("enrich", f"events_keep_{month:%Y%m}")
        await connection.execute(statement.format(name, month, end))
    await _store(connection, *months, NOW, NOW - timedelta(days=90), retention_class="keep")
    await finish(keeper)
    assert dict(await _rows(connection, TABLES)) == {"enrich.events_keep_2026": 6}


async def test_writers_and_readers_go_on_while_leaves_are_merged(
    keeper: PartitionKeeper, connection: psycopg.AsyncConnection[Any], database_url: str
) -> None:
    """Every count during the merges is the count before plus what was added, never less or more."""
    days = [NOW - timedelta(days=400 - n) for n in range(60)]
    await _make_days_of_an_older_release(
        connection, [day.replace(hour=0, minute=0) for day in days]
    )
    await _store(connection, *days)
    done = False
    added = 0

    async def write() -> None:
        nonlocal added
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as writer:
            while not done:
                try:
                    await _store(writer, *days[:5], NOW)
                except psycopg.errors.CheckViolation:
                    # A leaf was made while the statement waited: the same again, as the store does.
                    continue
                added += 6

    async def read() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as reader:
            while not done:
                floor = added
                [(count,)] = await _rows(reader, "SELECT count(*) FROM enrich.events")
                assert 60 + floor <= count <= 60 + added + 6

    async def merge() -> None:
        nonlocal done
        try:
            await finish(keeper)
        finally:
            done = True

    await asyncio.gather(write(), read(), merge())
    assert added
    [(count, ids)] = await _rows(
        connection, "SELECT count(*), count(DISTINCT event_uuid) FROM enrich.events"
    )
    assert count == ids == 60 + added


async def test_a_query_that_waited_for_a_leaf_sees_what_was_moved_meanwhile(
    engine: AsyncEngine, connection: psycopg.AsyncConnection[Any], database_url: str
) -> None:
    """Readers all the time while rows move out of the default leaf: each of them sees all rows."""
    store = PostgresPartitionStore(engine)
    days = [NOW - timedelta(days=n) for n in range(90)]
    await _store(connection, *days)
    done = False

    async def read() -> set[int]:
        counts = set()
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as reader:
            while not done:
                [(count,)] = await _rows(reader, "SELECT count(*) FROM enrich.events")
                counts.add(count)
        return counts

    async def move() -> None:
        nonlocal done
        try:
            for leaf in wanted_leaves("90d", NOW):
                await store.apply(PartitionChange(leaf))
        finally:
            done = True

    *counts, _ = await asyncio.gather(read(), read(), read(), move())
    assert counts == [{90}] * 3


async def test_a_row_that_meets_a_new_leaf_is_not_written_to_the_log(
    engine: AsyncEngine,
    connection: psycopg.AsyncConnection[Any],
    database_url: str,
    postgres: PostgresServer,
) -> None:
    """A writer waits for the default leaf while a leaf for its row is made: Postgres rejects the row,
    and would print it."""
    leaf = next(leaf for leaf in wanted_leaves("90d", NOW) if leaf.name == "events_90d_20261120")
    async with await psycopg.AsyncConnection.connect(database_url) as keeper:
        await _apply(keeper, PartitionChange(leaf))
        writing = asyncio.create_task(_store(connection, leaf.start, name="canary-8812"))
        await until(partial(_is_waiting, database_url))
        await keeper.commit()
        with pytest.raises(psycopg.errors.CheckViolation):
            await writing
    assert "violates partition constraint" in postgres.log.read_text()
    assert "canary-8812" not in postgres.log.read_text()


async def _is_waiting(database_url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(database_url) as watcher:
        waiting = await _rows(
            watcher,
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'",
        )
    return bool(waiting)


async def test_a_change_that_fails_is_undone(
    engine: AsyncEngine, connection: psycopg.AsyncConnection[Any]
) -> None:
    store = PostgresPartitionStore(engine)
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(5)]
    await _make_days_of_an_older_release(connection, days)
    await _store(connection, *days)
    leaves = await store.leaves()
    wanted = [leaf for leaf in wanted_leaves("90d", NOW) if leaf.name == "events_90d_older"]
    change = next_change(leaves["90d"], wanted)
    assert change is not None
    assert len(change.sources) == 5
    # A table of that name that is no leaf: the change fails after the leaves were detached.
    await connection.execute("CREATE TABLE enrich.events_90d_older ()")
    with pytest.raises(psycopg.errors.DuplicateTable):
        await store.apply(change)
    assert await store.leaves() == leaves
    assert await _rows(connection, "SELECT count(*) FROM enrich.events") == [(5,)]


async def test_a_change_that_another_made_meanwhile_is_not_made_again(engine: AsyncEngine) -> None:
    """The job and the loop plan by leaves that they have read before their turn."""
    store = PostgresPartitionStore(engine)
    change = next_change((await store.leaves()).get("90d", ()), wanted_leaves("90d", NOW))
    assert change is not None
    assert await store.apply(change)
    made = await store.leaves()
    assert not await store.apply(change)
    assert await store.leaves() == made


async def test_replicas_take_turns(
    engine: AsyncEngine, connection: psycopg.AsyncConnection[Any], calendar: FixedClock
) -> None:
    await _store(connection, NOW, NOW - timedelta(days=1))
    keepers = [PartitionKeeper(PostgresPartitionStore(engine), calendar) for _ in range(3)]
    results = await asyncio.gather(
        *(keeper.make_and_merge_once() for keeper in keepers), return_exceptions=True
    )
    assert all(result in (True, False) or isinstance(result, psycopg.Error) for result in results)
    await finish(keepers[0])
    assert dict(await _rows(connection, TABLES)) == {
        "enrich.events_90d_20261120": 1,
        "enrich.events_90d_20261121": 1,
    }

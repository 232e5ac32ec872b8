"""Stored events go on the day after they have been kept as long as their limit says, and none before."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.redis_client import RedisClient
from libs.streams.names import enriched_stream
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.retention.limits import NO_ARCHIVE, NO_CATALOG, NOT_COUNTED
from services.enrich.retention.redis import CountedBatches
from tests.support.clocks import FixedClock
from tests.support.expiring_events import NOW, catalogs, removal, store
from tests.support.partitions import finish
from tests.support.repository import REPOSITORY

CHESS = catalogs("chess")
NOTHING = {"dropped": 0, "removed": 0, "kept": 0, "waiting": 0}
# On 21 November, 90 days ago was 23 August: what happened that day is 90 days old and no older.
FIRST_KEPT = datetime(2026, 8, 23, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def keeper(engine: AsyncEngine, clock: FixedClock) -> PartitionKeeper:
    return PartitionKeeper(PostgresPartitionStore(engine), clock, pause_seconds=0.0)


def stored(database_url: str) -> set[str]:
    """The ids of the events that are stored."""
    with psycopg.connect(database_url) as connection:
        return {row[0] for row in connection.execute("SELECT event_id FROM enrich.events")}


def leaves(database_url: str, retention_class: str = "90d") -> set[str]:
    """The names of the leaves of a class."""
    parent = f"enrich.events_{retention_class}"
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT relid::regclass::text FROM pg_partition_tree(%s::regclass) WHERE isleaf",
            [parent],
        )
        return {name.removeprefix(f"{parent}_") for (name,) in found}


async def test_a_day_goes_when_it_is_past_its_limit(
    engine: AsyncEngine, database_url: str, keeper: PartitionKeeper, clock: FixedClock
) -> None:
    clock.now = FIRST_KEPT
    store(database_url, {"a": FIRST_KEPT - TICK, "b": FIRST_KEPT})
    await finish(keeper)
    clock.now = NOW
    assert {"20260822", "20260823"} <= leaves(database_url)
    # A default leaf, one for everything older, and a month, which no day fills.
    store(database_url, {"default": NOW + timedelta(days=30)})
    store(database_url, {"older": datetime(2021, 1, 1, tzinfo=UTC)})
    year = datetime(2025, 11, 21, tzinfo=UTC)
    store(database_url, {"c": year - TICK, "d": year}, app="go", retention_class="1y")
    ever = {"ever": datetime(2001, 1, 1, tzinfo=UTC)}
    store(database_url, ever, app="go", retention_class="keep")
    both = type(CHESS).of(
        *CHESS.current.catalogs.values(), *catalogs("go", raw="keep").current.catalogs.values()
    )
    found = await removal(engine, both, clock).remove()
    # The 22nd and what is older, as a whole each; `c` with its leaf only if that holds nothing else.
    assert stored(database_url) == {"b", "default", "d", "ever"}
    assert (found["removed"], found["kept"], found["waiting"]) == (3, 0, 0)
    assert "20260822" not in leaves(database_url)
    assert await removal(engine, both, clock).remove() == NOTHING
    # The next day it is the turn of the 23rd, and no leaf is made for it again.
    clock.now += timedelta(days=1)
    await keeper.make_and_merge()
    await removal(engine, both, clock).remove()
    assert stored(database_url) == {"default", "ever"}
    await keeper.make_and_merge()
    assert not {"20260822", "20260823"} & leaves(database_url)


async def test_a_late_event_brings_no_partition_back_and_goes_the_next_day(
    engine: AsyncEngine, database_url: str, keeper: PartitionKeeper, clock: FixedClock
) -> None:
    await finish(keeper)
    store(database_url, {"late": FIRST_KEPT - TICK, "now": NOW}, received=NOW)
    await finish(keeper)
    assert "20260822" not in leaves(database_url)
    job = removal(engine, CHESS, clock)
    assert await job.remove() == NOTHING
    assert await job.holdings() == []
    clock.now += timedelta(days=1)
    [holding] = await job.holdings()
    assert (holding.overdue.app_id, holding.overdue.events, holding.days) == ("chess", 1, 90)
    assert holding.overdue.oldest == FIRST_KEPT - TICK
    assert (await job.remove())["removed"] == 1
    assert stored(database_url) == {"now"}


async def test_nothing_goes_before_it_is_counted(
    engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    store(database_url, {"a": FIRST_KEPT - timedelta(days=2), "b": FIRST_KEPT - timedelta(days=1)})
    for counted, left in ((None, {"a", "b"}), (FIRST_KEPT - timedelta(days=1), {"b"})):
        job = removal(engine, CHESS, clock, counted)
        assert (await job.remove())["waiting"] == len(left)
        assert stored(database_url) == left
        assert [each.kept_because for each in await job.holdings()] == [NOT_COUNTED]
    assert (await removal(engine, CHESS, clock).remove())["removed"] == 1


async def test_what_is_not_acknowledged_by_aggregate_is_not_counted(client: RedisClient) -> None:
    clock = FixedClock(datetime.now(UTC))
    counted = CountedBatches(client, 1, clock, pause_seconds=0)
    found = await counted.before()
    assert found is not None
    assert found > clock.now - timedelta(minutes=10)
    await client.xadd(enriched_stream(0), {"batch": b""}, id="1-1")
    assert await CountedBatches(client, 1, clock, pause_seconds=0).before() is None


async def test_apps_that_want_an_archive_and_apps_without_a_catalog_keep_theirs(
    engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    archived = catalogs("go", more="archive: true")
    both = {**CHESS.current.catalogs, **archived.current.catalogs}
    for app in ("chess", "go", "gone"):
        store(database_url, {app: FIRST_KEPT - TICK}, app=app)
    job = removal(engine, type(CHESS).of(*both.values()), clock)
    assert await job.remove() == {"dropped": 0, "removed": 1, "kept": 2, "waiting": 0}
    assert stored(database_url) == {"go", "gone"}
    reasons = {each.overdue.app_id: each.kept_because for each in await job.holdings()}
    assert reasons == {"go": NO_ARCHIVE, "gone": NO_CATALOG}
    # With an archive the next run takes them, but not by removing them.
    job = removal(engine, type(CHESS).of(*both.values()), clock, has_archive=True)
    assert (await job.remove())["kept"] == 2
    reasons = {each.overdue.app_id: each.kept_because for each in await job.holdings()}
    assert reasons == {"go": "", "gone": NO_CATALOG}


async def test_a_catalog_that_has_become_stricter_counts_for_what_is_stored(
    engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    week = NOW.replace(hour=0, minute=0) - timedelta(days=7)
    store(database_url, {"a": week - TICK, "b": week})
    store(database_url, {"go": week - TICK}, app="go")
    strict = catalogs("chess", raw="7d").current.catalogs["chess"]
    both = type(CHESS).of(strict, *catalogs("go").current.catalogs.values())
    assert (await removal(engine, both, clock).remove())["removed"] == 1
    assert stored(database_url) == {"b", "go"}


async def test_killed_in_the_middle_it_goes_on(
    engine: AsyncEngine, database_url: str, role_url: Callable[[str], str], clock: FixedClock
) -> None:
    old = {f"old {number}": FIRST_KEPT - number * TICK for number in range(1, 8)}
    store(database_url, {**old, "new": NOW})
    # Late today, so that its leaf is not dropped as a whole.
    store(database_url, {"late": FIRST_KEPT - TICK}, app="go", received=NOW)
    command = [sys.executable, "-m", "tests.integration.enrich.dying_removal"]
    died = await asyncio.to_thread(
        subprocess.run, [*command, role_url("weir_enrich")], cwd=REPOSITORY, check=False
    )
    assert died.returncode == -9
    # One transaction of two rows.
    assert len(stored(database_url)) == 9 - 2
    both = catalogs("chess", "go")
    # Two replicas at once.
    found = await asyncio.gather(*(removal(engine, both, clock).remove() for _ in range(2)))
    assert sum(each["removed"] for each in found) == 5
    assert stored(database_url) == {"new", "late"}


async def test_of_a_counts_only_event_the_whole_day_of_receipt_has_to_be_counted(
    engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    """It says no more than that day; it may have been received at the end of it."""
    yesterday = NOW.replace(hour=0, minute=0) - timedelta(days=1)
    store(database_url, {"a": FIRST_KEPT - TICK}, received=yesterday)
    for counted, left in ((yesterday + timedelta(hours=20), {"a"}), (NOW, set())):
        await removal(engine, CHESS, clock, counted).remove()
        assert stored(database_url) == left


async def test_a_privacy_level_that_is_kept_for_less_now_ends_what_was_stored_before(
    engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    """The catalog said nothing of levels when these events were stored."""
    week = datetime(2026, 11, 14, tzinfo=UTC)
    store(database_url, {"old": week - TICK, "young": week, "standard": week - TICK})
    store(database_url, {"of others": week - TICK}, app="go")
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE enrich.events SET privacy_level ="
            " CASE event_id WHEN 'standard' THEN 'standard' ELSE 'sensitive' END"
        )
    stricter = catalogs("chess", more="privacy_levels: {sensitive: 7d, pii: 30d}")
    both = type(CHESS).of(
        *stricter.current.catalogs.values(), *catalogs("go").current.catalogs.values()
    )
    job = removal(engine, both, clock)
    [holding] = await job.holdings()
    assert (holding.overdue.app_id, holding.overdue.events, holding.days) == ("chess", 1, 7)
    assert (await job.remove())["removed"] == 1
    assert stored(database_url) == {"young", "standard", "of others"}
    assert await job.holdings() == []

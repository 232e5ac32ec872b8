"""Cells that are not kept any more are deleted, and nothing brings a part of them back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import metric_pb2

from libs.catalog import Catalogs, compile_catalog
from libs.stores.postgres import create_engine
from services.aggregate.adoption.adopter import Adopter
from services.aggregate.adoption.definition import PATIENCE
from services.aggregate.adoption.postgres import PostgresDefinitions
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.expiry.expiry import RETIRED_KEPT, Expiry
from services.aggregate.expiry.postgres import ExpiredCells, ExpiredResults
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import write
from tests.integration.aggregate.test_recount import TIMEOUT, backfill, count, differences, played
from tests.support.arena_catalog import APP, CATALOG
from tests.support.clocks import FixedClock
from tests.support.stored_cells import StoredCells
from tests.support.waiting import until

NOW = datetime.now(UTC)
# Events are kept for ever, so that nothing is sealed.
KEPT = CATALOG.replace("raw: 90d", "raw: keep")
YEAR = KEPT.replace("aggregate: keep", "aggregate: 1y") + "metrics:\n  items: {value: loot.items}\n"
WITHOUT_LOOT = KEPT.replace(KEPT[KEPT.index("  loot:\n") : KEPT.index("  watching:\n")], "")
DAYS = "SELECT bucket FROM aggregate.cells WHERE rollup = '{}' ORDER BY bucket"
# Rows that belong to no cell.
LEFT = """
SELECT cell_id FROM aggregate.measures WHERE cell_id NOT IN (SELECT cell_id FROM aggregate.cells)
UNION ALL
SELECT cell_id FROM aggregate.members WHERE cell_id NOT IN (SELECT cell_id FROM aggregate.cells)
"""


def ago(days: int) -> datetime:
    return (NOW - timedelta(days)).replace(hour=0, minute=0, second=0, microsecond=0)


def at(days: int) -> str:
    return f"{ago(days):%Y-%m-%d}T10:20:30"


@pytest.fixture
async def engine(stores: Stores) -> AsyncIterator[AsyncEngine]:
    url = stores.settings.database_url.get_secret_value()
    found = create_engine(url, service="aggregate", pool_size=2)
    yield found
    await found.dispose()


def expiry(engine: AsyncEngine, catalog: str, now: datetime = NOW) -> Expiry:
    catalogs = Catalogs.of(compile_catalog(catalog, "arena.yaml"))
    return Expiry(catalogs, ExpiredCells(engine), ExpiredResults(engine), FixedClock(now))


async def query(aggregate: Aggregate, since: datetime | None) -> pb.QueryRollupResponse:
    request = pb.QueryRollupRequest(app_id=APP, rollup="loot")
    if since is not None:
        getattr(request, "from").FromDatetime(since)
    response: pb.QueryRollupResponse = await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    return response


async def test_cells_of_more_than_a_year_ago_go_and_stay_away(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]], engine: AsyncEngine
) -> None:
    write(stores, KEPT)
    aggregate = await start()
    for days, player in ((400, "ann"), (367, "bob"), (364, "cal"), (10, "dan")):
        await count(stores, played(player, at(days), loot={"item": player}))
    assert await differences(aggregate) == 0
    assert [day for (day,) in stores.sql(DAYS.format("loot"))] == [
        ago(n) for n in (400, 367, 364, 10)
    ]

    # From one moment to the next the catalog keeps cells for a year only.
    write(stores, YEAR)

    async def is_known() -> bool:
        listed = await aggregate.stub.ListRollups(pb.ListRollupsRequest(app_id=APP))
        return all(
            one.HasField("kept_from") and one.retention_days == 365 for one in listed.rollups
        )

    await until(is_known)
    # What has expired is not shown, deleted or not, and not compared.
    before = await query(aggregate, ago(400))
    assert [cell.bucket_start.ToDatetime(tzinfo=UTC) for cell in before.cells] == [
        ago(364),
        ago(10),
    ]
    assert await differences(aggregate) == 0

    found = await expiry(engine, YEAR).expire()
    assert [day for (day,) in stores.sql(DAYS.format("loot"))] == [ago(364), ago(10)]
    assert [day for (day,) in stores.sql(DAYS.format("activity"))] == [ago(364), ago(10)]
    # Two each of `loot`, `activity` and `events`, and the week of the first; that of the second may be kept.
    assert found["expired_cells"] in (7, 8)
    assert await expiry(engine, YEAR).expire() == {
        "expired_cells": 0,
        "retired_cells": 0,
        "results": 0,
    }
    await until(lambda: not stores.sql(LEFT))
    assert await differences(aggregate) == 0

    # Neither a late event nor a backfill brings a part of it back.
    await count(stores, played("eve", at(400), loot={"item": "late"}))
    _, sealed = await backfill(aggregate, "loot")
    assert sealed == 2
    await until(
        lambda: not stores.sql("SELECT 1 FROM aggregate.buckets WHERE dirty_mark IS NOT NULL")
    )
    assert [day for (day,) in stores.sql(DAYS.format("loot"))] == [ago(364), ago(10)]
    assert await differences(aggregate) == 0

    # An answer says what it lacks of what it was asked for.
    asked = await query(aggregate, ago(400))
    cut = asked.reliability.cut
    assert (cut.limit, cut.value) == ("retention", 365)
    assert cut.detail == f"buckets that begin before {ago(365):%Y-%m-%dT%H:%MZ} have expired"
    metric = metric_pb2.GetMetricRequest(app_id=APP, metric="items")
    for days, limit in ((400, "retention"), (364, "")):
        getattr(metric.time.between, "from").FromDatetime(ago(days))
        metric.time.between.to.FromDatetime(ago(363))
        values = await aggregate.stub.GetMetric(metric, timeout=TIMEOUT)
        assert values.reliability.cut.limit == limit
        assert [each.value for each in values.values][-1] == 1
    for since in (None, ago(364)):
        assert not (await query(aggregate, since)).reliability.HasField("cut")


async def test_many_cells_go_some_at_a_time(
    stores: Stores, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.aggregate.expiry.postgres.ROWS_AT_A_TIME", 2)
    cells = StoredCells(stores.database_url, APP)
    for number in range(5):
        cells.add("watching", f"{ago(400)}", dimensions={"guild_id": f"g{number}"})
    cells.add("watching", f"{ago(364)}", dimensions={"guild_id": "g1"})
    [overdue] = await expiry(engine, YEAR).list_overdue()
    assert (overdue.app_id, overdue.kind, overdue.days, overdue.rows, overdue.oldest) == (
        *(APP, "watching", 365, 5),
        ago(400),
    )
    assert (await expiry(engine, YEAR).expire())["expired_cells"] == 5
    assert await expiry(engine, YEAR).list_overdue() == []
    assert stores.sql(DAYS.format("watching")) == [(ago(364),)]
    # A catalog that keeps cells for ever has nothing deleted, nor one that does not know the app.
    later = NOW + timedelta(4_000)
    assert (await expiry(engine, KEPT, later).expire())["expired_cells"] == 0
    nothing = Expiry(Catalogs.of(), ExpiredCells(engine), ExpiredResults(engine), FixedClock(later))
    assert set((await nothing.expire()).values()) == {0}
    assert stores.sql(DAYS.format("watching")) == [(ago(364),)]


async def test_a_rollup_that_is_gone_keeps_its_cells_for_30_days(
    stores: Stores, engine: AsyncEngine
) -> None:
    def adopter(catalog: str, clock: FixedClock) -> Adopter:
        catalogs = Catalogs.of(compile_catalog(catalog, "arena.yaml"))
        dirty = PostgresDirtyBuckets(engine)
        return Adopter(catalogs, PostgresDefinitions(engine), dirty, clock)

    clock = FixedClock(NOW)
    retired = "SELECT retired_at IS NOT NULL FROM aggregate.rollups WHERE rollup = 'loot'"
    old = adopter(KEPT, clock)
    await old.adopt()
    StoredCells(stores.database_url, APP).add("loot", f"{ago(10)}")
    # A process that never knew it waits a day: it may be of a newer catalog.
    new = adopter(WITHOUT_LOOT, clock)
    clock.now = NOW + PATIENCE + timedelta(minutes=1)
    await new.adopt()
    assert stores.sql(retired) == [(False,)]
    clock.now = NOW + timedelta(hours=30)
    await new.adopt()
    assert stores.sql(retired) == [(True,)]

    day = timedelta(days=1)
    found = await expiry(engine, WITHOUT_LOOT, NOW + RETIRED_KEPT - day).expire()
    assert found == {"expired_cells": 0, "retired_cells": 0, "results": 0}
    assert stores.sql(DAYS.format("loot")) == [(ago(10),)]
    found = await expiry(engine, WITHOUT_LOOT, NOW + RETIRED_KEPT + day).expire()
    assert found == {"expired_cells": 0, "retired_cells": 1, "results": 0}
    assert stores.sql(DAYS.format("loot")) == stores.sql(retired) == []
    # It begins anew if it is declared again: all that is stored is counted.
    await adopter(KEPT, clock).adopt()
    assert stores.sql(retired) == [(False,)]


async def test_a_rollup_that_comes_back_is_counted_again(
    stores: Stores, engine: AsyncEngine
) -> None:
    """Between the two nothing was counted into it."""
    catalogs = Catalogs.of(compile_catalog(KEPT, "arena.yaml"))
    definitions = PostgresDefinitions(engine)
    clock = FixedClock(NOW)
    adopter = Adopter(catalogs, definitions, PostgresDirtyBuckets(engine), clock)
    await adopter.adopt()
    await definitions.retire([(APP, "loot")])
    # Another replica's catalog may lack it for a while.
    await adopter.adopt()
    assert (await definitions.read())[APP, "loot"].retired_at is not None
    StoredCells(stores.database_url, APP).add("loot", f"{ago(10)}")
    clock.now = NOW + timedelta(hours=1)
    await adopter.adopt()
    assert (await definitions.read())[APP, "loot"].retired_at is None
    dirty = "SELECT rollup, bucket FROM aggregate.buckets WHERE dirty_mark IS NOT NULL"
    assert stores.sql(dirty) == [("loot", ago(10))]


async def test_results_are_kept_as_long_as_the_cells_that_they_are_made_of(
    stores: Stores, engine: AsyncEngine
) -> None:
    jobs = "jobs:\n  daily: {every: day, at: '01:00', store: [loot, watching]}\n"
    kept_long = YEAR.replace("  watching:\n", "  watching:\n    retention: 2y\n") + jobs
    with psycopg.connect(stores.database_url) as connection:
        for job, days in product(("daily", "gone"), (732, 729, 367, 364)):
            connection.execute(
                "INSERT INTO aggregate.results (app_id, job, period_start, period_end, is_final, cells,"
                " revision, calculated_at) VALUES (%s, %s, %s, %s, true, 1, 1, now())",
                [APP, job, ago(days), ago(days - 1)],
            )
            connection.execute(
                "INSERT INTO aggregate.result_cells VALUES (%s, %s, %s, 'loot', %s, %s, '{}', '{}')",
                [APP, job, ago(days), ago(days), uuid4()],
            )
    assert (await expiry(engine, kept_long).expire())["results"] == 2
    left = "SELECT job, period_start FROM aggregate.{} ORDER BY 1, 2"
    # Two years for both: of a job that is gone it is not known which cells its results are made of.
    expected = [(job, ago(days)) for job in ("daily", "gone") for days in (729, 367, 364)]
    assert stores.sql(left.format("results")) == expected
    assert stores.sql(left.format("result_cells")) == expected
    assert (await expiry(engine, YEAR + jobs).expire())["results"] == 4
    assert stores.sql(left.format("results")) == [("daily", ago(364)), ("gone", ago(364))]

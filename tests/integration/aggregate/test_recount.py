"""Buckets are counted again from the stored events, while counting goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.aggregate.v1 import aggregate_service_pb2, recount_pb2, verify_pb2
from weir.common.v1 import event_pb2

from libs.catalog import Catalogs, load_catalog
from libs.stores.postgres import POSTGRES_ERRORS, create_engine
from libs.stores.postgres_connector import PostgresConnector
from services.aggregate.buckets import moment, seconds_since_epoch
from services.aggregate.counting.postgres import PostgresCountingStore
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.model import CellState, StoredBatch
from services.aggregate.plan_lookup import current_plans
from services.aggregate.recount.model import BucketRange, PostponedError, Reason, Unit
from services.aggregate.recount.postgres import PostgresRecounts
from services.aggregate.recount.publishing import RecountedCells
from services.aggregate.recount.recounter import Recounter, RecountPage
from services.aggregate.recount.worker import RecountWorker
from services.aggregate.rollups.postgres import PostgresCellReader
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import event
from tests.support.arena_catalog import APP
from tests.support.clocks import FixedClock
from tests.support.recounted_events import store
from tests.support.waiting import until

TIMEOUT = 60
NOW = datetime.now(UTC)
DAY = (NOW - timedelta(days=21)).replace(hour=0, minute=0, second=0, microsecond=0)
AT = f"{DAY:%Y-%m-%d}T10:20:30"
HOUR = seconds_since_epoch(DAY) + 10 * 3_600


def played(player: str, when: str = AT, **properties: Any) -> event_pb2.Event:
    return event(when=when, player=player, guild="g1", platform="web", properties=properties)


async def count(stores: Stores, *events: event_pb2.Event) -> None:
    stores.send(store(stores.database_url, *events, countries=["PT"] * len(events)))
    await stores.until_drained()


async def differences(aggregate: Aggregate) -> int:
    """How many cells are not what the stored events come to, by code that shares nothing with a recount."""
    request = verify_pb2.VerifyRollupsRequest(app_id=APP, wait_seconds=TIMEOUT)
    *_, last = [one async for one in aggregate.stub.VerifyRollups(request, timeout=TIMEOUT)]
    summary = last.summary
    assert summary.cells_sealed == summary.cells_unsettled == 0
    assert summary.cells_compared > 0
    return int(summary.cells_different)


async def dirty(aggregate: Aggregate) -> int:
    request = aggregate_service_pb2.ListRollupsRequest(app_id=APP)
    listed = await aggregate.stub.ListRollups(request)
    return sum(rollup.dirty_buckets for rollup in listed.rollups)


async def until_recounted(aggregate: Aggregate) -> None:
    async def is_clean() -> bool:
        return await dirty(aggregate) == 0

    await until(is_clean)


async def backfill(aggregate: Aggregate, *rollups: str) -> tuple[int, int]:
    request = recount_pb2.BackfillRollupsRequest(app_id=APP, rollups=rollups)
    marked = await aggregate.stub.BackfillRollups(request)
    return marked.buckets_marked, marked.buckets_sealed


def change(stores: Stores, statement: str) -> int:
    with psycopg.connect(stores.database_url) as connection:
        return connection.execute(statement.encode()).rowcount


async def test_a_backfill_repairs_every_kind_of_number(
    stores: Stores, aggregate: Aggregate
) -> None:
    events = [
        played("ann", mode="duel", score=0.1, loot={"item": 1}),
        played("bob", mode=5, score=2**60, loot={"item": "x" * 300}),
        played("bob", mode="x" * 300, score=-2.5),
        played("ann", f"{DAY:%Y-%m-%d}T23:59:59.999999", mode=["a"], score=None),
        event("match.left", AT, pseudonym="a" * 32, entity_type="match"),
        event("match.left", AT, producer=event_pb2.PRODUCER_FRONTEND),
    ]
    await count(stores, *events)
    assert await differences(aggregate) == 0
    spoilt = change(stores, "UPDATE aggregate.measures SET count = 70, total = 7, maximum = 70")
    assert change(stores, "DELETE FROM aggregate.members WHERE metric = 'active_users'") > 0
    assert spoilt > 0
    assert await differences(aggregate) > 0
    # By hand: of `events` 24 hours, a day each of `activity` and `loot`, a week, a month.
    assert await backfill(aggregate) == (24 + 1 + 1 + 1 + 1, 0)
    await until_recounted(aggregate)
    assert await differences(aggregate) == 0
    # Counting goes on in the new cells, and the old ones leave nothing behind.
    await count(stores, played("eve", mode="duel", score=1), played("ann", mode="duel"))
    assert await differences(aggregate) == 0
    assert stores.sql("SELECT count(*) FROM aggregate.old_cells") == [(0,)]
    for table in ("measures", "members"):
        orphans = (
            f"SELECT count(*) FROM aggregate.{table}"
            " WHERE cell_id NOT IN (SELECT cell_id FROM aggregate.cells)"
        )
        assert stores.sql(orphans) == [(0,)]


@pytest.mark.usefixtures("recounts_soon")
async def test_erased_events_leave_no_cell(stores: Stores, aggregate: Aggregate) -> None:
    await count(stores, played("ann", mode="duel"), played("bob", mode="chess"))
    assert change(stores, "DELETE FROM enrich.events WHERE subject_id = 'bob'") == 1
    await backfill(aggregate, "matches", "activity")
    await until_recounted(aggregate)
    found = "SELECT dimensions ->> 'mode' FROM aggregate.cells WHERE rollup = 'matches'"
    assert stores.sql(found) == [("duel",)]
    # Of `events` and `scores` nothing was asked.
    assert await differences(aggregate) == 1


class NoWatchers:
    async def has_watchers(self) -> bool:
        return False

    async def publish(self, states: Sequence[CellState]) -> None:
        raise AssertionError("no process has watchers")


class Recounting:
    """What one replica has for recounts, one step after the other."""

    def __init__(self, stores: Stores, engine: AsyncEngine, store: PostgresCountingStore) -> None:
        self.catalogs = Catalogs.of(load_catalog(stores.settings.catalogs / f"{APP}.yaml"))
        self.quarantine: frozenset[bytes] = frozenset()
        self.watermark: datetime | None = datetime.now(UTC) - timedelta(minutes=1)
        clock = FixedClock(datetime.now(UTC))
        self.store = store
        self.engine = engine
        self.pseudonymizer = stores.settings.pseudonymizer()
        self.recounts = PostgresRecounts(
            engine,
            clock,
            watermark=lambda: self.watermark,
            quarantined=self._quarantined,
            kept=timedelta(hours=36),
        )
        self.dirty = PostgresDirtyBuckets(engine)
        self.worker = RecountWorker(
            self.catalogs,
            self.dirty,
            self.recounts,
            Recounter(
                self.recounts,
                store,
                stores.settings.pseudonymizer(),
                RecountedCells(PostgresCellReader(engine), NoWatchers()),
            ),
            clock,
            self._adopt,
            POSTGRES_ERRORS,
        )
        self.unit = Unit(APP, [BucketRange("events", HOUR, HOUR + 3_600)], frozenset())
        self.plan = current_plans(self.catalogs)[APP]

    async def _adopt(self) -> frozenset[tuple[str, str]]:
        return frozenset((APP, rollup) for rollup in self.plan.rollups)

    async def _quarantined(self) -> frozenset[bytes]:
        return self.quarantine


@pytest.fixture
async def recounting(stores: Stores) -> AsyncIterator[Callable[[], Recounting]]:
    url = stores.settings.database_url.get_secret_value()
    engine = create_engine(url, service="test")
    store = PostgresCountingStore(PostgresConnector(url, service="test"))
    yield lambda: Recounting(stores, engine, store)
    store.close()
    await engine.dispose()


COUNTED = """
    SELECT coalesce(sum(count), 0)::int FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
    WHERE rollup = 'events'
"""


async def test_what_is_counted_meanwhile_is_in_the_old_and_the_new_numbers(
    stores: Stores, aggregate: Aggregate, recounting: Callable[[], Recounting]
) -> None:
    """Stored and not counted at the beginning; stored later; and counted only after the end."""
    replica = recounting()
    await count(stores, played("ann"), played("bob"))
    on_its_way, late = (store(stores.database_url, played(name), countries=["PT"]) for name in "cd")
    change(stores, "UPDATE aggregate.measures SET count = 100 WHERE metric = 'events'")
    async with replica.recounts.open(replica.unit) as opened:
        stores.send(on_its_way)
        await stores.until_drained()
        await count(stores, played("eve"))
        # Readers see the wrong number grow: no half of a new one.
        assert stores.sql(COUNTED) == [(102,)]
        page = RecountPage(replica.store, replica.pseudonymizer, replica.unit, replica.plan, opened)
        found: list[StoredBatch] = []
        async for batch in opened.pages({"match.ended"}, HOUR, HOUR + 3_600):
            await page.add(batch)
            found.append(batch)
        # As stored at the beginning: without eve.
        assert sum(len(batch.events) for batch in found) == 4
        await opened.close()
    # ann, bob, on its way, late (which was stored, and is not counted yet), eve.
    assert stores.sql(COUNTED) == [(5,)]
    stores.send(late)
    await stores.until_drained()
    assert stores.sql(COUNTED) == [(5,)]
    await backfill(aggregate)
    await until_recounted(aggregate)
    assert await differences(aggregate) == 0


async def test_a_recount_that_ends_early_changes_nothing(
    stores: Stores, aggregate: Aggregate, recounting: Callable[[], Recounting]
) -> None:
    """Its process fails, or is gone without a word: the next one begins anew."""
    replica = recounting()
    await count(stores, played("ann"))
    before = stores.sql("SELECT cell_id FROM aggregate.cells ORDER BY 1")

    async def fail() -> None:
        async with replica.recounts.open(replica.unit) as opened:
            page = RecountPage(
                replica.store, replica.pseudonymizer, replica.unit, replica.plan, opened
            )
            async for batch in opened.pages({"match.ended"}, HOUR, HOUR + 3_600):
                await page.add(batch)
            assert stores.sql("SELECT count(*) FROM aggregate.made_cells") == [(1,)]
            # Another replica takes it for dead.
            assert await replica.recounts.abandon_all() == 1
            with pytest.raises(PostponedError):
                await page.add(batch)
            await opened.close()

    with pytest.raises(PostponedError):
        await fail()
    assert stores.sql("SELECT cell_id FROM aggregate.cells ORDER BY 1") == before
    assert stores.sql("SELECT count(*) FROM aggregate.recounts") == [(0,)]
    assert stores.sql("SELECT count(*) FROM aggregate.made_cells") == [(0,)]
    await count(stores, played("bob"))
    assert await differences(aggregate) == 0


async def test_a_batch_in_quarantine_is_counted_once_when_it_comes_back(
    stores: Stores,
    start: Callable[[], Awaitable[Aggregate]],
    recounting: Callable[[], Recounting],
) -> None:
    """However old: its events are stored, so the recount has them."""
    replica = recounting()
    old = bytes.fromhex("018f00000000700080000000000000aa")
    entry = store(stores.database_url, played("ann"), countries=["PT"], batch_id=old)
    replica.quarantine = frozenset({old})
    await replica.dirty.mark([(APP, "events", HOUR)], Reason.ASKED)
    assert await replica.worker.work() == 1
    assert stores.sql(COUNTED) == [(1,)]
    # Only now, because it recounts as well.
    aggregate = await start()
    stores.send(entry)
    await stores.until_drained()
    assert stores.sql(COUNTED) == [(1,)]
    # What was not recounted counts it as ever.
    assert await differences(aggregate) == 0


async def test_one_replica_recounts_at_a_time(
    stores: Stores, recounting: Callable[[], Recounting]
) -> None:
    one, other = recounting(), recounting()
    store(stores.database_url, played("ann"), countries=["PT"])
    await one.dirty.mark([(APP, "events", HOUR)], Reason.ASKED)
    async with one.recounts.turn() as first, one.recounts.turn() as second:
        assert (first, second) == (True, False)
        assert await other.worker.work() == 0
    assert await other.worker.work() == 1
    # Unless it is known what is on its way, nothing is recounted.
    await one.dirty.mark([(APP, "events", HOUR)], Reason.ASKED)
    other.watermark = None
    with pytest.raises(PostponedError):
        await other.worker.work()


async def test_the_newest_buckets_first_and_outdated_ones_last(
    recounting: Callable[[], Recounting],
) -> None:
    dirty = recounting().dirty
    older, old, new = (HOUR + hours * 3_600 for hours in range(3))
    await dirty.mark([(APP, "events", new)], Reason.OUTDATED)
    await dirty.mark([(APP, "events", older), (APP, "events", old)], Reason.ASKED)
    starts = [moment(start) for start in (old, older, new)]
    assert [one.start for one in await dirty.newest([(APP, "events")], 10)] == starts


async def test_a_bucket_that_is_marked_during_its_recount_stays_dirty(
    stores: Stores, recounting: Callable[[], Recounting]
) -> None:
    replica = recounting()
    store(stores.database_url, played("ann"), countries=["PT"])
    await replica.dirty.mark([(APP, "events", HOUR)], Reason.ASKED)
    [found] = await replica.dirty.newest([(APP, "events")], 10)
    unit = Unit(APP, replica.unit.ranges, frozenset({found.mark}))
    async with replica.recounts.open(unit) as opened:
        await replica.dirty.mark([(APP, "events", HOUR)], Reason.ERASED)
        await opened.close()
    [again] = await replica.dirty.newest([(APP, "events")], 10)
    assert (again.mark > found.mark, again.reason) == (True, "erased")

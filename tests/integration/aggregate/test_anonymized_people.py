"""Stored events that lose their person leave the numbers as they are, and a recount agrees."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.aggregate.v1 import verify_pb2

from libs.catalog import Catalogs, compile_catalog
from libs.stores.postgres import create_engine
from services.enrich.anonymization.job import Anonymization
from services.enrich.anonymization.postgres import PostgresNamedEvents
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import write
from tests.integration.aggregate.test_recount import TIMEOUT, backfill, count, played
from tests.support.arena_catalog import APP, CATALOG
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

NOW = datetime.now(UTC)
YOUNG = CATALOG.replace(
    "    producers: [server", "    anonymize_after: 30d\n    producers: [server", 1
)
MEMBERS = """
SELECT bucket, count FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
WHERE rollup = 'activity' ORDER BY bucket
"""


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    found = create_engine(role_url("weir_enrich"), service="enrich", pool_size=2)
    yield found
    await found.dispose()


async def differences(aggregate: Aggregate) -> int:
    """How many cells are not what the stored events come to."""
    request = verify_pb2.VerifyRollupsRequest(app_id=APP, wait_seconds=TIMEOUT)
    *_, last = [one async for one in aggregate.stub.VerifyRollups(request, timeout=TIMEOUT)]
    # Of `activity` at least: what else is of a day that was anonymized may be sealed.
    assert last.summary.cells_compared >= 2
    return int(last.summary.cells_different)


async def test_distinct_people_stay_the_same(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]], engine: AsyncEngine
) -> None:
    write(stores, YOUNG)
    aggregate = await start()
    for days, player in ((40, "ann"), (40, "bob"), (40, "ann"), (29, "ann")):
        day = NOW - timedelta(days)
        await count(stores, played(player, f"{day:%Y-%m-%d}T10:20:30", loot={"item": player}))
    before = stores.sql(MEMBERS)
    assert [people for _, people in before] == [2, 1]
    assert await differences(aggregate) == 0
    catalogs = Catalogs.of(compile_catalog(YOUNG, "arena.yaml"))
    job = Anonymization(catalogs, PostgresNamedEvents(engine), PSEUDONYMS, FixedClock(NOW))
    assert (await job.anonymize())["anonymized"] >= 2
    named = stores.sql("SELECT DISTINCT subject_id FROM enrich.events ORDER BY 1")
    assert named == [("ann",), (None,)]
    assert await differences(aggregate) == 0
    # Recounted from the events without their people.
    await backfill(aggregate, "activity")
    assert await differences(aggregate) == 0
    assert stores.sql(MEMBERS) == before

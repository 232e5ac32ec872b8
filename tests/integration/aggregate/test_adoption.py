"""Rollups that a changed catalog declares anew, or in another way, are counted again."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from libs.catalog import compile_catalog
from services.aggregate.adoption.adopter import Adopter
from services.aggregate.adoption.postgres import PostgresDefinitions
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.convert import stored_batch
from services.aggregate.counting.definitions import definitions
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.plan import compile_plan
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import write
from tests.integration.aggregate.test_recount import (
    Recounting,
    count,
    differences,
    played,
    recounting,
    until_recounted,
)
from tests.support.arena_catalog import APP, CHANGED
from tests.support.clocks import FixedClock
from tests.support.recounted_events import store
from tests.support.waiting import until

__all__ = ["recounting"]
PENDING = "SELECT 1 FROM aggregate.rollups WHERE pending IS NOT NULL"


@pytest.mark.usefixtures("recounts_soon")
async def test_the_past_is_counted_by_the_new_declaration(
    stores: Stores, aggregate: Aggregate
) -> None:
    await until(lambda: stores.sql("SELECT 1 FROM aggregate.rollups WHERE rollup = 'loot'"))
    await until(lambda: not stores.sql(PENDING))
    await count(stores, played("ann", mode="duel"), played("bob", mode="duel"), played("ann"))
    write(stores, CHANGED)
    await until(lambda: stores.sql("SELECT 1 FROM aggregate.rollups WHERE rollup = 'by_guild'"))
    await until(lambda: not stores.sql(PENDING))
    await until_recounted(aggregate)
    assert await differences(aggregate) == 0
    found = (
        "SELECT rollup, dimensions::text, metric, count::int FROM aggregate.cells"
        " JOIN aggregate.measures USING (cell_id) WHERE metric IN ('matches', 'players') ORDER BY 1, 2, 3"
    )
    assert stores.sql(found) == [
        ("by_guild", '{"guild_id": "g1"}', "matches", 3),
        ("by_guild", '{"guild_id": "g1"}', "players", 2),
        # No cell is left that is split by the guild too.
        ("matches", '{"mode": "duel"}', "matches", 2),
        ("matches", '{"mode": "duel"}', "players", 2),
        ("matches", '{"mode": null}', "matches", 1),
        ("matches", '{"mode": null}', "players", 1),
    ]
    recounted = "SELECT DISTINCT rollup FROM aggregate.buckets WHERE generation > 0 ORDER BY 1"
    assert stores.sql(recounted) == [("by_guild",), ("matches",)]


async def test_a_replica_with_another_catalog_leaves_what_differs_to_the_others(
    stores: Stores, aggregate: Aggregate, recounting: Callable[[], Recounting]
) -> None:
    """It was there when the definition that the other one has changed was adopted."""
    old = recounting()
    clock = FixedClock(datetime.now(UTC))
    adopter = Adopter(old.catalogs, PostgresDefinitions(old.engine), old.dirty, clock)
    assert (APP, "matches") in await adopter.adopt()
    await until(lambda: not stores.sql(PENDING))
    write(stores, CHANGED)
    await until(lambda: stores.sql("SELECT 1 FROM aggregate.rollups WHERE rollup = 'by_guild'"))
    left = await adopter.adopt()
    assert (APP, "loot") in left
    assert (APP, "matches") not in left
    # What it does not count is counted again by the other one.
    entry = store(stores.database_url, played("eve", mode="duel"), countries=["PT"])
    counter = BatchCounter(old.store, KnownMembers(10), CellIdentity(10), old.pseudonymizer, clock)
    await counter.count([stored_batch(entry)], {APP: old.plan})
    marked = "SELECT rollup FROM aggregate.buckets WHERE dirty_mark IS NOT NULL ORDER BY 1"
    assert stores.sql(marked) == [("by_guild",), ("matches",)]
    left_out = "SELECT 1 FROM aggregate.cells WHERE rollup IN ('by_guild', 'matches')"
    assert stores.sql(left_out) == []
    await until_recounted(aggregate)
    assert await differences(aggregate) == 0
    assert len(stores.sql(left_out)) == 2
    changed = definitions(compile_plan(compile_catalog(CHANGED, "arena.yaml")))[APP, "matches"]
    assert (await PostgresDefinitions(old.engine).read())[APP, "matches"].definition == changed

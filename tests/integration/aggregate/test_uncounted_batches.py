"""A batch that cannot be counted: the events beside the one at fault count, once, whatever becomes of it."""

import pytest
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.common.v1 import event_pb2

from libs.common.ids import new_uuid7
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import NEW_EVENT, write
from tests.integration.aggregate.test_recount import (
    AT,
    COUNTED,
    differences,
    played,
    until_recounted,
)
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP
from tests.support.recounted_events import store
from tests.support.waiting import until

QUARANTINE = "aggregate:{0}:quarantine"


def won(player: str) -> event_pb2.Event:
    """Of a name that the catalog does not have."""
    return event("match.won", AT, player=player, guild="g1")


@pytest.mark.usefixtures("recounts_soon")
async def test_neighbours_are_counted_and_the_batch_may_come_back(
    stores: Stores, aggregate: Aggregate
) -> None:
    batch = store(stores.database_url, played("ann"), won("bob"), played("cat"), won("ann"))
    stores.send(batch)
    # And one that is counted as ever, before or after.
    stores.send(store(stores.database_url, played("dan")))
    await until(lambda: stores.redis.xlen(QUARANTINE) == 1)
    await until_recounted(aggregate)
    assert stores.sql(COUNTED) == [(3,)]
    assert await differences(aggregate) == 0
    # Into buckets that were recounted, later events go as ever.
    stores.send(store(stores.database_url, played("eve")))
    await stores.until_drained()
    assert stores.sql(COUNTED) == [(4,)]

    # The cause is removed, and the batch put back from quarantine.
    write(stores, NEW_EVENT)
    await until(lambda: stores.sql("SELECT 1 FROM aggregate.rollups WHERE rollup = 'wins'"))
    stores.send(batch)
    await stores.until_drained()
    # The days of events that the catalog declares anew are recounted.
    await until(lambda: stores.sql(COUNTED) == [(6,)])
    await until_recounted(aggregate)
    request = pb.QueryRollupRequest(app_id=APP, rollup="wins")
    [wins] = (await aggregate.stub.QueryRollup(request, timeout=20)).cells
    assert dict(wins.metrics) == {"wins": 2}
    assert stores.sql(COUNTED) == [(6,)]
    assert await differences(aggregate) == 0


async def test_a_batch_of_nothing_known_is_only_quarantined(
    stores: Stores, aggregate: Aggregate
) -> None:
    stores.send(store(stores.database_url, won("ann")))
    stores.send(store(stores.database_url, played("dan")))
    await until(lambda: stores.redis.xlen(QUARANTINE) == 1)
    await stores.until_drained()
    assert stores.sql("SELECT 1 FROM aggregate.buckets WHERE dirty_mark IS NOT NULL") == []
    assert stores.sql(COUNTED) == [(1,)]


async def test_u_0000_in_a_context_counts_as_it_is_stored(
    stores: Stores, aggregate: Aggregate
) -> None:
    """Ingest takes it, and enrich stores U+FFFD in its place."""
    sent, stored = played("ann", score=1), played("ann", score=1)
    sent.context.platform, stored.context.platform = "we\0b", "we\ufffdb"
    batch_id = new_uuid7()
    store(stores.database_url, stored, batch_id=batch_id)
    stores.send(entry(sent, batch_id=batch_id))
    await stores.until_drained()
    assert not stores.redis.exists(QUARANTINE)
    assert stores.sql(COUNTED) == [(1,)]
    assert await differences(aggregate) == 0

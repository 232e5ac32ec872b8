"""Each batch counts once, whatever is delivered again; a recount in SQL and by hand agrees."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from libs.common.ids import new_uuid7
from libs.stores.redis_client import create_redis
from libs.streams.groups import ConsumerGroup
from tests.integration.aggregate.conftest import STREAM, Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.streams import entries_now
from tests.support.waiting import until

Start = Callable[[], Awaitable[Aggregate]]
EVENTS_COUNTED = """
    SELECT coalesce(sum(count), 0)::int FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
    WHERE rollup = 'events'
"""
ACTIVE = """
    SELECT bucket::date::text, count::int FROM aggregate.cells
    JOIN aggregate.measures USING (cell_id) WHERE rollup = 'activity' ORDER BY 1
"""


def some_entries(batches: int, seed: int = 1) -> list[dict[bytes, bytes]]:
    """Batches of ten events of five people over two days."""
    chance = random.Random(seed)
    return [
        entry(
            *(
                event(
                    chance.choice(["match.ended", "match.left"]),
                    f"2026-04-{chance.choice([27, 28])}T{chance.randrange(24):02}:00:00",
                    player=f"p{chance.randrange(5)}",
                    guild=chance.choice(["", "g1", "g2"]),
                    properties={"score": chance.choice([0.1, 2, None]), "mode": "duel"},
                )
                for _ in range(10)
            ),
            batch_id=new_uuid7(),
        )
        for _ in range(batches)
    ]


async def test_the_same_batches_in_new_entries(stores: Stores, aggregate: Aggregate) -> None:
    entries = some_entries(20)
    for fields in entries * 3:
        stores.send(fields)
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(200,)]
    assert stores.sql(ACTIVE) == [("2026-04-27", 5), ("2026-04-28", 5)]
    assert stores.sql("SELECT count(*), sum(events) FROM aggregate.batches") == [(20, 200)]
    # A measure of a distinct metric is the number of its members.
    assert stores.sql("""
        SELECT count(*) FROM aggregate.measures m
        WHERE metric IN ('active_users', 'players') AND count <> (
            SELECT count(*) FROM aggregate.members x
            WHERE x.cell_id = m.cell_id AND x.metric = m.metric)
        """) == [(0,)]


async def test_two_replicas_at_once(stores: Stores, start: Start) -> None:
    entries = some_entries(150)
    chance = random.Random(2)
    for fields in chance.sample(entries * 2, k=300):
        stores.send(fields)
    # Small chunks, so that both get many.
    await asyncio.gather(start(), start())
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(1_500,)]
    assert stores.sql(ACTIVE) == [("2026-04-27", 5), ("2026-04-28", 5)]


async def test_killed_between_commit_and_acknowledgement(stores: Stores, start: Start) -> None:
    entries = some_entries(5)
    for fields in entries:
        stores.send(fields)
    # A consumer that takes everything and is never heard of again; what it had committed is what
    # the second delivery of the same batches finds.
    redis = create_redis(stores.settings.redis_url.get_secret_value())
    group = ConsumerGroup(redis, [STREAM], "aggregate", "dead", 0.4)
    await group.create()
    assert len(await group.read(0.1)) == 5
    await redis.aclose()
    for fields in entries[:2]:
        stores.send(fields)
    await start()
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(50,)]


async def test_sums_equal_a_recount_by_hand(stores: Stores, aggregate: Aggregate) -> None:
    for _ in range(10):
        scores = [0.1, 0.2, 3, 2**53 + 1, None, "4"]
        stores.send(entry(*(event(properties={"score": score}) for score in scores)))
    await stores.until_drained()
    rows = stores.sql(
        "SELECT metric, m.count, total, minimum, maximum FROM aggregate.cells"
        " JOIN aggregate.measures m USING (cell_id) WHERE rollup = 'matches' ORDER BY metric"
    )
    found = {metric: tuple(map(str, values)) for metric, *values in rows}
    # 10 times (0.1 + 0.2 + 3 + 9007199254740993), to the last digit.
    assert found["score"] == ("40", "90071992547409963.0", "0.1", "9007199254740992.0")
    assert found["matches"][0] == "60"


async def test_an_unreadable_entry_is_quarantined_and_its_neighbours_count(
    stores: Stores, aggregate: Aggregate
) -> None:
    stores.send(entry(event()))
    unreadable = {b"batch": b"\xff\xffnot a batch", b"trace": b""}
    unreadable_id = stores.send(unreadable)
    # Postgres cannot store U+0000, so this one decodes and then fails in the transaction.
    unstorable = stores.send(entry(event(guild="a\x00b")))
    unknown = stores.send(entry(event(), app_id="chess"))
    stores.send(entry(event()))
    await until(lambda: stores.redis.xlen("aggregate:{0}:quarantine") == 3)
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(2,)]
    quarantined = {
        fields[b"entry"]: fields
        for _, fields in entries_now(stores.redis, "aggregate:{0}:quarantine")
    }
    assert set(quarantined) == {unreadable_id, unstorable, unknown}
    assert quarantined[unreadable_id][b"batch"] == unreadable[b"batch"]
    assert not stores.redis.exists("aggregate:{0}:attempts")


async def test_a_lost_stream_and_group_start_over(stores: Stores, aggregate: Aggregate) -> None:
    first, second = some_entries(2)
    stores.send(first)
    await stores.until_drained()
    stores.redis.flushall()
    stores.send(first)
    stores.send(second)
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(20,)]


async def test_deadlocks_and_lost_connections_only_delay(
    stores: Stores, aggregate: Aggregate
) -> None:
    own_url = stores.settings.database_url.get_secret_value()

    async def disturb() -> None:
        for _ in range(15):
            with psycopg.connect(own_url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'weir-aggregate' AND datname = current_database()"
                )
            await asyncio.sleep(0.05)

    disturbing = asyncio.create_task(disturb())
    for fields in some_entries(100):
        stores.send(fields)
        await asyncio.sleep(0.005)
    await disturbing
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(1_000,)]


@pytest.mark.parametrize("table", ["batches", "cells", "measures", "members"])
def test_tables_say_what_the_migrations_made(stores: Stores, table: str) -> None:
    from services.aggregate.tables import metadata

    rows = stores.sql(
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_schema = 'aggregate' AND table_name = '{table}' ORDER BY ordinal_position"
    )
    declared = metadata.tables[f"aggregate.{table}"].columns
    assert [name for (name,) in rows] == [column.name for column in declared]

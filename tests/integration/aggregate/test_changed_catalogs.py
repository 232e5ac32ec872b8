"""Catalogs that change while aggregate runs: what waits, what is counted, what watchers get."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from tests.integration.aggregate.conftest import STREAM, Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP, CATALOG
from tests.support.rejections import reason_of
from tests.support.waiting import until

TIMEOUT = 20
Start = Callable[[], Awaitable[Aggregate]]
NEW_EVENT = CATALOG.replace(
    "rollups:\n",
    "  match.won: {category: play}\nrollups:\n"
    "  wins: {events: [match.won], period: day, metrics: {wins: count}}\n",
    1,
)


def write(stores: Stores, text: str) -> None:
    new = stores.settings.catalogs / "new"
    new.write_text(text)
    new.replace(stores.settings.catalogs / f"{APP}.yaml")


async def cells(aggregate: Aggregate, rollup: str) -> list[dict[str, float]]:
    request = pb.QueryRollupRequest(app_id=APP, rollup=rollup)
    response = await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    return [dict(cell.metrics) for cell in response.cells]


async def error_reason(aggregate: Aggregate, rollup: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await cells(aggregate, rollup)
    return reason_of(caught.value)[1]


async def read_to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def test_an_event_that_no_catalog_has_yet_waits_and_is_counted_once(
    stores: Stores, start: Start
) -> None:
    stores.settings = stores.settings.model_copy(update={"catalog_wait_seconds": 60.0})
    aggregate = await start()
    stores.send(entry(event("match.won"), event("match.won")))
    stores.send(entry(event("match.left")))
    await until(lambda: len(stores.sql("SELECT 1 FROM aggregate.batches")) == 1)
    # More often than an entry that fails.
    await until(lambda: _deliveries(stores) > 2 * (1 + stores.settings.max_attempts))
    assert await error_reason(aggregate, "wins") == "ROLLUP_UNKNOWN"
    assert not stores.redis.exists("aggregate:{0}:quarantine")
    write(stores, NEW_EVENT)
    await stores.until_drained()
    assert await cells(aggregate, "wins") == [{"wins": 2.0}]


def _deliveries(stores: Stores) -> int:
    pending = stores.redis.xpending_range(STREAM, "aggregate", "-", "+", 10)
    return max((int(entry["times_delivered"]) for entry in pending), default=0)


async def test_a_watcher_of_all_rollups_gets_those_of_the_new_catalog(
    stores: Stores, aggregate: Aggregate
) -> None:
    call = aggregate.stub.WatchRollups(pb.WatchRollupsRequest(app_id=APP), timeout=TIMEOUT)
    await call.read()
    write(stores, NEW_EVENT)
    # The current buckets once more, because the rollups are others now.
    await call.read()
    stores.send(entry(event("match.won")))
    while True:
        rollups = {watched.rollup for watched in (await call.read()).cells}
        if "wins" in rollups:
            break
    call.cancel()


async def test_a_watcher_of_a_rollup_that_is_gone_is_told_so(
    stores: Stores, aggregate: Aggregate
) -> None:
    request = pb.WatchRollupsRequest(app_id=APP, rollups=["loot"])
    call = aggregate.stub.WatchRollups(request, timeout=TIMEOUT)
    await call.read()
    write(stores, CATALOG[: CATALOG.index("  loot:")])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read_to_the_end(call)
    assert reason_of(caught.value)[1] == "ROLLUP_UNKNOWN"
    assert await error_reason(aggregate, "loot") == "ROLLUP_UNKNOWN"


async def test_a_watcher_hears_nothing_of_a_change_that_is_not_about_rollups(
    stores: Stores, aggregate: Aggregate
) -> None:
    call = aggregate.stub.WatchRollups(
        pb.WatchRollupsRequest(app_id=APP, rollups=["events"]), timeout=TIMEOUT
    )
    await call.read()
    write(stores, CATALOG + "# a comment\n")
    (stores.settings.catalogs / "other.yaml").write_text(CATALOG.replace("arena", "other"))
    await until(lambda: _knows(aggregate, "other"))
    stores.send(entry(event("match.left")))
    assert [watched.rollup for watched in (await call.read()).cells] == ["events"]
    call.cancel()


async def _knows(aggregate: Aggregate, app_id: str) -> bool:
    try:
        request = pb.QueryRollupRequest(app_id=app_id, rollup="events")
        await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    except grpc.aio.AioRpcError:
        return False
    return True

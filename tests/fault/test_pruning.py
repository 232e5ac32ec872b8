"""Pruning all the time, with no margin at all, while services die under load: nothing lost or doubled."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import timedelta

import pytest

from libs.stores.postgres import create_engine
from libs.stores.redis_client import create_redis
from libs.streams.batch_pruning import BatchPruner
from libs.streams.deliverable import sources_for_aggregate, sources_for_enrich
from services.aggregate.jobs import BATCHES as COUNTED
from services.enrich.jobs import BATCHES as STORED
from suite.supervisor import Suite
from tests.fault.under_load import check_all, load, under_way

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]


def test_pruning_under_load_while_services_are_killed(fragile_suite: Suite) -> None:
    stop, deleted = threading.Event(), {"enrich": 0, "aggregate": 0}
    pruning = threading.Thread(target=asyncio.run, args=(_prune(fragile_suite, stop, deleted),))
    with load(fragile_suite) as ledger:
        pruning.start()
        try:
            for service in ("enrich", "aggregate") * 3:
                assert under_way(fragile_suite)
                fragile_suite.kill(service)
                fragile_suite.restart(service)
            assert under_way(fragile_suite)
        finally:
            stop.set()
            pruning.join()
    check_all(fragile_suite, ledger)
    # It did prune, in both services.
    assert all(deleted.values()), deleted


async def _prune(suite: Suite, stop: threading.Event, deleted: dict[str, int]) -> None:
    engine = create_engine(suite.addresses.database_url, service="pruning")
    redis = create_redis(suite.addresses.redis_url)
    pruners: Mapping[str, BatchPruner] = {
        "enrich": BatchPruner(engine, redis, STORED, sources_for_enrich(1), timedelta(0)),
        "aggregate": BatchPruner(engine, redis, COUNTED, sources_for_aggregate(1), timedelta(0)),
    }
    try:
        while not stop.is_set():
            for service, pruner in pruners.items():
                deleted[service] += (await pruner.prune())["deleted"]
    finally:
        await redis.aclose()
        await engine.dispose()

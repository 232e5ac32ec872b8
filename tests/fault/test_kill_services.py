"""kill -9 of each service in turn, under load: nothing lost, nothing doubled."""

import random
import time

import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.fault.under_load import check_all, load, under_way

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]


@pytest.mark.parametrize("service", ["ingest", "enrich", "aggregate"])
def test_a_killed_service_loses_and_doubles_nothing(fragile_suite: Suite, service: str) -> None:
    with load(fragile_suite) as ledger:
        for _ in range(3):
            assert under_way(fragile_suite)
            fragile_suite.kill(service)
            fragile_suite.restart(service)
        assert under_way(fragile_suite)
    check_all(fragile_suite, ledger)
    # None of these people has been asked, which counts as denied in this app. A duplicate is an event whose
    # first ack was lost.
    counts = ledger.counts()
    assert counts["anonymized"] > 500
    assert counts.keys() <= {"anonymized", "duplicate"}


def test_all_services_killed_at_random_lose_and_double_nothing(fragile_suite: Suite) -> None:
    randomness = random.Random(20261121)
    with load(fragile_suite) as ledger:
        for _ in range(8):
            time.sleep(randomness.uniform(0.2, 1.0))
            service = randomness.choice(["ingest", "enrich", "aggregate", "privacy"])
            fragile_suite.kill(service)
            time.sleep(randomness.uniform(0.0, 0.5))
            fragile_suite.restart(service)
    check_all(fragile_suite, ledger)


@pytest.mark.parametrize("store", ["redis", "postgres"])
def test_a_killed_store_loses_and_doubles_nothing(fragile_suite: Suite, store: str) -> None:
    with load(fragile_suite) as ledger:
        for _ in range(2):
            assert under_way(fragile_suite)
            fragile_suite.kill(store)
            time.sleep(1.0)
            fragile_suite.restart(store)
        assert under_way(fragile_suite)
    check_all(fragile_suite, ledger)


def test_a_group_that_is_lost_is_made_anew_from_the_oldest_entry(fragile_suite: Suite) -> None:
    with load(fragile_suite) as ledger:
        assert under_way(fragile_suite)
        with Redis.from_url(fragile_suite.addresses.redis_url) as redis:
            redis.xgroup_destroy("ingest:{0}:raw", "enrich")
            redis.xgroup_destroy("enrich:{0}:enriched", "aggregate")
        assert under_way(fragile_suite)
    check_all(fragile_suite, ledger)

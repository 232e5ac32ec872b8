"""kill -9 of each service in turn, under load: nothing lost, nothing doubled."""

import random
import time

import psycopg
import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.fault.conftest import APP, Load
from tests.support.ledger import check, settle
from tests.support.waiting import holds_in_time

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]


def stored_events(suite: Suite) -> int:
    with psycopg.connect(suite.addresses.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM enrich.events").fetchone()
        assert row is not None
        return int(row[0])


def under_way(suite: Suite) -> bool:
    """Whether events have been stored since: the kill shall hit a service at work."""
    before = stored_events(suite)
    return holds_in_time(lambda: stored_events(suite) > before + 500, 30)


@pytest.mark.parametrize("service", ["ingest", "enrich", "aggregate"])
def test_a_killed_service_loses_and_doubles_nothing(
    fragile_suite: Suite, load: Load, service: str
) -> None:
    with load(fragile_suite) as ledger:
        for _ in range(3):
            assert under_way(fragile_suite)
            fragile_suite.kill(service)
            fragile_suite.restart(service)
        assert under_way(fragile_suite)
    # Each module run shares one database, so ids of earlier runs count as sent.
    ledger.sent |= earlier_ids(fragile_suite, ledger.sent)
    settle(fragile_suite.addresses.database_url, APP, ledger)
    check(fragile_suite.addresses.database_url, APP, ledger)
    assert ledger.sent >= ledger.verdicts.keys()
    # None of these people has been asked, which counts as denied in this app.
    assert set(ledger.counts()) <= {"anonymized", "duplicate"}


def test_all_services_killed_at_random_lose_and_double_nothing(
    fragile_suite: Suite, load: Load
) -> None:
    randomness = random.Random(20261121)
    with load(fragile_suite) as ledger:
        for _ in range(8):
            time.sleep(randomness.uniform(0.2, 1.0))
            service = randomness.choice(["ingest", "enrich", "aggregate", "privacy"])
            fragile_suite.kill(service)
            time.sleep(randomness.uniform(0.0, 0.5))
            fragile_suite.restart(service)
    ledger.sent |= earlier_ids(fragile_suite, ledger.sent)
    settle(fragile_suite.addresses.database_url, APP, ledger)
    check(fragile_suite.addresses.database_url, APP, ledger)


@pytest.mark.parametrize("store", ["redis", "postgres"])
def test_a_killed_store_loses_and_doubles_nothing(
    fragile_suite: Suite, load: Load, store: str
) -> None:
    with load(fragile_suite) as ledger:
        for _ in range(2):
            assert under_way(fragile_suite)
            fragile_suite.kill(store)
            time.sleep(1.0)
            fragile_suite.restart(store)
        assert under_way(fragile_suite)
    ledger.sent |= earlier_ids(fragile_suite, ledger.sent)
    settle(fragile_suite.addresses.database_url, APP, ledger)
    check(fragile_suite.addresses.database_url, APP, ledger)


def test_a_group_that_is_lost_is_made_anew_from_the_oldest_entry(
    fragile_suite: Suite, load: Load
) -> None:
    with load(fragile_suite) as ledger:
        assert under_way(fragile_suite)
        with Redis.from_url(fragile_suite.addresses.redis_url) as redis:
            redis.xgroup_destroy("ingest:{0}:raw", "enrich")
            redis.xgroup_destroy("enrich:{0}:enriched", "aggregate")
        assert under_way(fragile_suite)
    ledger.sent |= earlier_ids(fragile_suite, ledger.sent)
    settle(fragile_suite.addresses.database_url, APP, ledger)
    check(fragile_suite.addresses.database_url, APP, ledger)


_earlier: set[str] = set()


def earlier_ids(suite: Suite, sent: set[str]) -> set[str]:
    """Ids that earlier tests of this module sent into the same suite; remembers these."""
    known = set(_earlier)
    _earlier.update(sent)
    return known

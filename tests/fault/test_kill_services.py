"""kill -9 of each service in turn, under load: nothing lost, nothing doubled."""

import random
import time
from collections import defaultdict
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.fault.conftest import APP, Load
from tests.support.ledger import Ledger, check, settle
from tests.support.waiting import holds_in_time
from tests.support.weir_command import weir

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


# What the tests of each suite have sent into it so far, by its home.
_sent: defaultdict[Path, set[str]] = defaultdict(set)


def check_all(suite: Suite, ledger: Ledger) -> None:
    """Waits until the load is stored and counted, and asserts that nothing of it is lost or doubled, in any
    rollup."""
    earlier = set(_sent[suite.home.path])
    _sent[suite.home.path] |= ledger.sent
    settle(suite.addresses.database_url, APP, ledger)
    check(suite.addresses.database_url, APP, ledger, earlier)
    verified = weir(suite.home.path, "rollup", "verify", "--app", APP)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stdout.endswith(" compared, 0 differ\n")


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
    check_all(fragile_suite, ledger)
    # None of these people has been asked, which counts as denied in this app. A duplicate is an event whose
    # first ack was lost.
    counts = ledger.counts()
    assert counts["anonymized"] > 500
    assert counts.keys() <= {"anonymized", "duplicate"}


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
    check_all(fragile_suite, ledger)


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
    check_all(fragile_suite, ledger)


def test_a_group_that_is_lost_is_made_anew_from_the_oldest_entry(
    fragile_suite: Suite, load: Load
) -> None:
    with load(fragile_suite) as ledger:
        assert under_way(fragile_suite)
        with Redis.from_url(fragile_suite.addresses.redis_url) as redis:
            redis.xgroup_destroy("ingest:{0}:raw", "enrich")
            redis.xgroup_destroy("enrich:{0}:enriched", "aggregate")
        assert under_way(fragile_suite)
    check_all(fragile_suite, ledger)

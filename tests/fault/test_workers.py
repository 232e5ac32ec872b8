"""kill -9 of one of ingest's workers, and of their parent, under load."""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from suite.supervisor import Suite
from tests.fault.conftest import APP, CLAIM_IDLE_SECONDS
from tests.support.ingest_workers import (
    CONNECTIONS,
    WORKERS,
    serving,
    spread_channels,
    suite_with_workers,
    workers,
)
from tests.support.ledger import check, settle
from tests.support.patient_calls import PatientCallers, missions
from tests.support.service_metrics import samples
from tests.support.waiting import PATIENCE_SECONDS, eventually, holds_in_time

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
CALLS = 60


@pytest.fixture
def wide_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    settings = {"WEIR_CLAIM_IDLE_SECONDS": CLAIM_IDLE_SECONDS}
    with suite_with_workers(tmp_path_factory.mktemp("wide"), settings) as running:
        yield running


def _taken(suite: Suite) -> float:
    """Events that ingest says it has taken: a resent one is a duplicate."""
    return sum(
        value
        for labels, value in samples(suite, "ingest", "weir_ingest_events_total")
        if labels["verdict"] in ("accepted", "anonymized")
    )


def test_a_killed_worker_loses_and_doubles_nothing_and_is_replaced(wide_suite: Suite) -> None:
    addresses = wide_suite.addresses
    callers = PatientCallers(APP, addresses.token)
    total = CONNECTIONS * CALLS
    with (
        spread_channels(wide_suite) as channels,
        callers.calling(channels, [missions(caller, CALLS) for caller in range(CONNECTIONS)]),
    ):
        for kills, share in enumerate((0.2, 0.5), 1):
            assert holds_in_time(lambda: len(callers.answered) > share * total, PATIENCE_SECONDS)  # noqa: B023
            counted = _taken(wide_suite)
            # The first two are killed, one after the other.
            killed = serving(wide_suite)[kills - 1]
            os.kill(killed, signal.SIGKILL)
            # What it has counted is still shown.
            eventually(lambda: not psutil.pid_exists(killed))  # noqa: B023
            assert _taken(wide_suite) >= counted
            eventually(lambda: len(serving(wide_suite)) == WORKERS + kills)  # noqa: B023
    ledger = callers.ledger
    assert ledger.verdicts.keys() == ledger.sent
    settle(addresses.database_url, APP, ledger)
    check(addresses.database_url, APP, ledger)
    # Of a batch that was appended when its worker was killed, the count is lost with the answer.
    assert total - 2 * CONNECTIONS <= _taken(wide_suite) <= total
    assert wide_suite.part("ingest").running


def test_workers_without_their_parent_leave_the_port_to_the_next_one(wide_suite: Suite) -> None:
    port = wide_suite.addresses.services["ingest"]
    orphans = workers(wide_suite)
    os.kill(wide_suite.pid("ingest"), signal.SIGKILL)
    for orphan in orphans:
        orphan.wait(PATIENCE_SECONDS)
    wide_suite.restart("ingest")
    eventually(lambda: len(serving(wide_suite)) == 2 * WORKERS)
    assert wide_suite.addresses.services["ingest"] == port
    callers = PatientCallers(APP, wide_suite.addresses.token)
    events = [missions(caller, 2) for caller in range(CONNECTIONS)]
    with spread_channels(wide_suite) as channels, callers.calling(channels, events):
        pass
    assert callers.ledger.verdicts.keys() == callers.ledger.sent

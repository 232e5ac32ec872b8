"""kill -9 of ingest while calls about single events wait for the batch that they share."""

from contextlib import ExitStack

import grpc
import pytest

from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.ledger import check, settle
from tests.support.patient_calls import PatientCallers, missions
from tests.support.service_metrics import samples
from tests.support.waiting import PATIENCE_SECONDS, holds_in_time

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
CALLERS, CALLS = 32, 60


def test_a_killed_ingest_loses_and_doubles_nothing_of_a_group(fragile_suite: Suite) -> None:
    addresses = fragile_suite.addresses
    callers = PatientCallers(APP, addresses.token)
    with ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(addresses.services["ingest"]))
            for _ in range(CALLERS)
        ]
        with callers.calling(channels, [missions(caller, CALLS) for caller in range(CALLERS)]):
            for share in (0.2, 0.5):
                # In the middle of the calls, however fast the machine is.
                wanted = share * CALLERS * CALLS
                assert holds_in_time(lambda: len(callers.answered) > wanted, PATIENCE_SECONDS)  # noqa: B023
                fragile_suite.kill("ingest")
                fragile_suite.restart("ingest")
    ledger = callers.ledger
    assert ledger.verdicts.keys() == ledger.sent
    settle(addresses.database_url, APP, ledger)
    check(addresses.database_url, APP, ledger)
    # They did share batches.
    [(_, batches)] = samples(fragile_suite, "ingest", "weir_ingest_batch_events_count")
    [(_, total)] = samples(fragile_suite, "ingest", "weir_ingest_batch_events_sum")
    assert 0 < batches < total / 2

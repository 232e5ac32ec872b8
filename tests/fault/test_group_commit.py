"""kill -9 of ingest while calls about single events wait for the batch that they share."""

import threading
import time
import uuid
from collections.abc import Sequence

import grpc
import pytest
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub

from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.ledger import Ledger, check, settle
from tests.support.service_metrics import samples
from tests.support.waiting import PATIENCE_SECONDS, holds_in_time
from weir_client import build_event

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
CALLERS, CALLS = 32, 60


def _events(caller: int) -> list[Event]:
    return [
        build_event(
            "gamification.mission.completed",
            event_id=f"{caller}-{number}-{uuid.uuid4().hex}",
            # Not a part of the event's id, which would be replaced with the person's.
            subject_id=f"person-{caller}",
            properties={"mission_type": "send_messages", "xp_awarded": number},
        )
        for number in range(CALLS)
    ]


def _call(suite: Suite, events: Sequence[Event], ledger: Ledger, answered: list[int]) -> None:
    """One event after the other, each again until its call is answered."""
    metadata = (("authorization", f"Bearer {suite.addresses.token}"),)
    with grpc.insecure_channel(suite.addresses.services["ingest"]) as channel:
        stub = IngestServiceStub(channel)
        for event in events:
            request = pb.TrackEventRequest(app_id=APP, event=event)
            give_up = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    response = stub.TrackEvent(
                        request, metadata=metadata, timeout=5, wait_for_ready=True
                    )
                except grpc.RpcError:
                    assert time.monotonic() < give_up, "the call was never answered"
                    continue
                ledger.verdicts[event.event_id] = response.verdict
                answered.append(1)
                break


def test_a_killed_ingest_loses_and_doubles_nothing_of_a_group(fragile_suite: Suite) -> None:
    ledger, answered = Ledger(), list[int]()
    threads = []
    for caller in range(CALLERS):
        events = _events(caller)
        ledger.sent |= {event.event_id for event in events}
        threads.append(
            threading.Thread(target=_call, args=(fragile_suite, events, ledger, answered))
        )
    for thread in threads:
        thread.start()
    for share in (0.2, 0.5):
        # In the middle of the calls, however fast the machine is.
        assert holds_in_time(lambda: len(answered) > share * CALLERS * CALLS, PATIENCE_SECONDS)  # noqa: B023
        fragile_suite.kill("ingest")
        fragile_suite.restart("ingest")
    for thread in threads:
        thread.join()
    assert ledger.verdicts.keys() == ledger.sent
    database_url = fragile_suite.addresses.database_url
    settle(database_url, APP, ledger)
    check(database_url, APP, ledger)
    # They did share batches.
    [(_, batches)] = samples(fragile_suite, "ingest", "weir_ingest_batch_events_count")
    [(_, total)] = samples(fragile_suite, "ingest", "weir_ingest_batch_events_sum")
    assert 0 < batches < total / 2

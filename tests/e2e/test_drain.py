"""SIGTERM and SIGINT of the real ingest with open streams."""

import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from suite.supervisor import Suite
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls
from tests.support.waiting import eventually
from weir_client import Client, describe_error, final_verdicts

pytestmark = pytest.mark.xdist_group("suite")


def _send_until(sender: Any, sent: list[str], stop: threading.Event) -> None:
    while not stop.is_set():
        for event_id in ids(50):
            sent.append(event_id)
            sender.send(mission(event_id))
        stop.wait(0.01)


@pytest.fixture(scope="module")
def suite(counted_suite: Suite) -> Suite:
    return counted_suite


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sends_streams_away_and_loses_nothing_that_was_acked(
    suite: Suite, calls: SuiteCalls, signum: signal.Signals
) -> None:
    acked: set[str] = set()
    sent: list[str] = []

    def on_ack(events: Sequence[event_pb2.Event], ack: pb.FrameAck) -> None:
        assert not ack.HasField("status")
        acked.update(final.event.event_id for final in final_verdicts(events, ack))

    address = suite.addresses.services["ingest"]
    with calls.open_stream() as idle, Client(address, token=suite.addresses.token) as client:
        idle.settle(APP)
        assert idle.send(mission(*ids(1))).counts.accepted == 1
        with client.stream(APP, frame_events=50, on_ack=on_ack) as sender:
            stop = threading.Event()
            thread = threading.Thread(target=_send_until, args=(sender, sent, stop))
            thread.start()
            try:
                eventually(lambda: len(acked) > 500)
                os.kill(suite.pid("ingest"), signum)
                assert idle.response().go_away.last_sequence == 1
                # A frame that was under way is still answered; then the server ends the call.
                assert idle.send(mission(*ids(1))).counts.accepted == 1
                idle.finish()
                eventually(lambda: not suite.part("ingest").running)
                at_the_end = len(acked)
                suite.restart("ingest")
                eventually(lambda: len(acked) > at_the_end + 500)
            finally:
                stop.set()
                thread.join()
    assert acked == set(sent)
    assert len(calls.stored("event_id", sent)) == len(sent)


def test_a_producer_that_stays_after_go_away_is_told_that_the_pod_drains(
    suite: Suite, calls: SuiteCalls
) -> None:
    with calls.open_stream() as idle:
        idle.settle(APP)
        os.kill(suite.pid("ingest"), signal.SIGTERM)
        assert idle.response().HasField("go_away")
        with pytest.raises(grpc.RpcError) as ended:
            idle.response()
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert describe_error(ended.value).reason == "DRAINING"
    eventually(lambda: not suite.part("ingest").running)
    suite.restart("ingest")

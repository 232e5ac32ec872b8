"""How long the SDK's sender tries while the server is away."""

import threading
import time

import grpc
import pytest
from weir.ingest.v1 import ingest_service_pb2 as pb

from weir_client import EventSender, GaveUpError, build_event


class Call:
    """A call that ends at once: the server is away."""

    def __init__(self, error: grpc.RpcError) -> None:
        self._error = error

    def __iter__(self) -> "Call":
        return self

    def __next__(self) -> pb.StreamEventsResponse:
        raise self._error

    def cancel(self) -> None:
        pass


class Away(grpc.RpcError):
    """UNAVAILABLE, as a call has it."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "away"

    def trailing_metadata(self) -> None:
        return None


def test_patience_begins_when_there_is_something_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = threading.Semaphore(0)

    def away(*_: object, **__: object) -> Call:
        attempts.release()
        return Call(Away())

    hours = [0.0]
    real = time.monotonic
    monkeypatch.setattr("weir_client.sender.time.monotonic", lambda: real() + hours[0] * 3600)
    sender = EventSender(away, "chess", give_up_seconds=60.0)
    try:
        hours[0] = 1.0
        sender.send(build_event("game.ended", event_id="a"))
        sender._submit()
        # An hour without events was no failure: it is tried more than once.
        assert attempts.acquire(timeout=30)
        assert attempts.acquire(timeout=30)
        hours[0] = 2.0
        with pytest.raises(GaveUpError, match="away"):
            sender.flush()
    finally:
        sender.close()

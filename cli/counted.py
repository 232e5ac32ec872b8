"""Waiting until what was sent can be read: stored by enrich, counted by aggregate."""

import time
from collections.abc import Callable

import grpc
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc

from cli.metrics_page import metric_values
from libs.rpc.channels import Calls
from suite.home import Addresses
from suite.rollups import counted_events

_POLL_SECONDS = 0.1
_NOT_STORED = ("weir_enrich_events_skipped_total", "weir_enrich_events_dead_lettered_total")


class CountedEvents:
    """How many events of one app are stored and counted so far."""

    def __init__(self, channel: grpc.Channel, addresses: Addresses, app_id: str) -> None:
        stub = pb_grpc.AggregateServiceStub(channel)
        self._calls = Calls(stub, addresses.token, wait_for_ready=True)
        self._metrics_url = addresses.metrics.get("enrich", "")
        self._app_id = app_id

    def counted(self) -> int:
        """The events in the app's numbers. Raises grpc.RpcError."""
        return counted_events(self._calls, self._app_id)

    def not_stored(self) -> int:
        """The events that enrich has taken from ingest and not stored since it started, mostly because
        they were stored before; 0 if its metrics cannot be read."""
        try:
            return sum(
                int(value)
                for metric in _NOT_STORED
                for labels, value in metric_values(self._metrics_url, metric)
                if labels.get("app") == self._app_id
            )
        except (OSError, ValueError):
            return 0


class CountWatch:
    """Waits for events that are about to be sent; make it before sending."""

    def __init__(
        self,
        events: CountedEvents,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._events = events
        self._monotonic = monotonic
        self._sleep = sleep
        self._counted_before = events.counted()
        self._not_stored_before = events.not_stored()

    def wait(self, taken: int, passed_on: int, timeout_seconds: float) -> tuple[int, int]:
        """Waits until `taken` events are counted or known to be stored before, at most
        `timeout_seconds`; returns how many are which, together `taken` at most.

        It looks at how much the app's numbers grow, so events of other senders may end the waiting earlier.
        `passed_on` are duplicates that enrich gets to see and skips as well. Ids that were taken again after
        the dedupe window are the ones stored before. Raises grpc.RpcError.
        """
        deadline = self._monotonic() + timeout_seconds
        while True:
            counted = self._events.counted() - self._counted_before
            if counted >= taken:
                return taken, 0
            skipped = self._events.not_stored() - self._not_stored_before - passed_on
            known = max(0, min(skipped, taken - counted))
            if counted + known >= taken or self._monotonic() >= deadline:
                return counted, known
            self._sleep(_POLL_SECONDS)

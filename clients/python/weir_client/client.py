"""A connection to ingest: single events, batches, streams."""

import ipaddress
from collections.abc import Sequence
from typing import Any, Self

import grpc
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

from weir_client.sender import (
    FRAME_EVENTS,
    GIVE_UP_SECONDS,
    MAX_PENDING_FRAMES,
    EventSender,
    OnAck,
)
from weir_client.tracing import batch_span

# gRPC's own retries for calls that took nothing; event ids make a repetition harmless.
SERVICE_CONFIG = """{"methodConfig": [{
  "name": [{"service": "weir.ingest.v1.IngestService"}],
  "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "2s",
                  "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]}}]}"""
OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", SERVICE_CONFIG),
    # A connection whose other end is gone without a word is noticed while a call waits.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
TIMEOUT_SECONDS = 30.0


class Client:
    """Sends events to one ingest service. Safe to share between threads; a context manager.

    `address` is `host:port`; a proxy of the environment (`http_proxy`) is not used for one on this machine.
    `channel` replaces the connection to it, for example by one with TLS; `close` closes it too.
    """

    def __init__(
        self, address: str, *, token: str = "", channel: grpc.Channel | None = None
    ) -> None:
        self._channel = channel or _open_channel(address)
        self._stub = pb_grpc.IngestServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def track(self, app_id: str, event: event_pb2.Event) -> pb.TrackEventResponse:
        """Sends one event; returns its verdict. Raises grpc.RpcError if it was not taken."""
        with batch_span("producer.track", app_id=app_id, events=1) as traceparent:
            response: pb.TrackEventResponse = self._stub.TrackEvent(
                pb.TrackEventRequest(app_id=app_id, event=event),
                metadata=self._with_trace(traceparent),
                timeout=TIMEOUT_SECONDS,
            )
        return response

    def track_batch(self, app_id: str, events: Sequence[event_pb2.Event]) -> pb.TrackBatchResponse:
        """Sends 1 to 1,000 events; returns their verdicts. Raises grpc.RpcError as `track` does."""
        with batch_span("producer.batch", app_id=app_id, events=len(events)) as traceparent:
            response: pb.TrackBatchResponse = self._stub.TrackBatch(
                pb.TrackBatchRequest(app_id=app_id, events=events),
                metadata=self._with_trace(traceparent),
                timeout=TIMEOUT_SECONDS,
            )
        return response

    def stream(
        self,
        app_id: str,
        *,
        frame_events: int = FRAME_EVENTS,
        max_pending_frames: int = MAX_PENDING_FRAMES,
        give_up_seconds: float = GIVE_UP_SECONDS,
        on_ack: OnAck | None = None,
    ) -> EventSender:
        """A sender over one stream that is opened again whenever it breaks; see EventSender."""
        return EventSender(
            self._stub.StreamEvents,
            app_id,
            metadata=self._metadata,
            frame_events=frame_events,
            max_pending_frames=max_pending_frames,
            give_up_seconds=give_up_seconds,
            on_ack=on_ack,
        )

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _with_trace(self, traceparent: str) -> tuple[tuple[str, str], ...]:
        return (*self._metadata, ("traceparent", traceparent)) if traceparent else self._metadata


def _open_channel(address: str) -> grpc.Channel:
    direct = [("grpc.enable_http_proxy", 0)] if _is_loopback(address) else []
    return grpc.insecure_channel(address, options=[*OPTIONS, *direct])


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

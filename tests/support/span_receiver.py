"""Receives spans over OTLP/gRPC, as a collector would."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


class SpanReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: list[Any] = []
        # Trace id -> service -> its spans.
        self.traces: defaultdict[bytes, defaultdict[str, list[Any]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def Export(self, request: Any, _: grpc.ServicerContext) -> Any:  # noqa: N802
        with self._lock:
            self.requests.append(request)
            for resource in request.resource_spans:
                attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        self.traces[span.trace_id][attributes["service.name"]].append(span)
        return trace_service_pb2.ExportTraceServiceResponse()

    def through(self, services: set[str]) -> list[dict[str, list[Any]]]:
        """The traces that all of these have taken part in."""
        with self._lock:
            return [dict(trace) for trace in self.traces.values() if set(trace) >= services]


@contextmanager
def span_receiver() -> Iterator[tuple[SpanReceiver, str]]:
    """A running receiver, and the endpoint that spans are sent to."""
    receiver, server = SpanReceiver(), grpc.server(futures.ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield receiver, f"http://127.0.0.1:{port}"
    server.stop(None).wait()

"""Tracing: one trace from the producer's span to the rollup, at one span per batch and service.

Without an exporter in the environment no SDK is set up, nothing is contacted, and a producer's
traceparent is handed on unchanged.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_propagator = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def setup_telemetry(service: str) -> Callable[[], None]:
    """Starts exporting spans over OTLP/gRPC if the standard variables name an endpoint.

    Returns the function that flushes and stops it.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return lambda: None
    # Imported here because the SDK and its exporter cost half a second that other processes need not pay.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"weir-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.shutdown


@contextmanager
def batch_span(
    name: str,
    traceparent: str = "",
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    **attributes: str | int,
) -> Iterator[str]:
    """A span around work on one batch, under the remote span that `traceparent` (W3C) names.

    Yields the traceparent to hand on with the batch: the new span's, or the given one if tracing
    is off. What is no traceparent counts as none: it comes from outside, and goes into the streams.
    """
    if traceparent and not _TRACEPARENT(traceparent):
        traceparent = ""
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    tracer = trace.get_tracer("weir")
    with tracer.start_as_current_span(name, parent, kind=kind, attributes=attributes) as span:
        carrier: dict[str, str] = {}
        if span.is_recording():
            _propagator.inject(carrier)
        yield carrier.get("traceparent", traceparent)


def call_traceparent(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's W3C traceparent in a call's metadata; empty if there is none."""
    for key, value in metadata:
        if key == "traceparent":
            return value if isinstance(value, str) else value.decode("ascii", "replace")
    return ""

"""Tracing: one trace from the producer's span to the rollup, at one span per batch and service.

Without an exporter in the environment no SDK is set up, nothing is contacted, and a producer's
traceparent is handed on unchanged.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    linked: Sequence[str] = (),
    **attributes: str | int,
) -> Iterator[str]:
    """A span around work on one batch, under the remote span that `traceparent` (W3C) names, with links to
    those that `linked` names.

    Yields the traceparent to hand on with the batch: the new span's, or the given one if tracing
    is off. What is no traceparent counts as none: it comes from outside, and goes into the streams.
    """
    if traceparent and not _TRACEPARENT(traceparent):
        traceparent = ""
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    links = [trace.Link(_remote_span(other)) for other in linked]
    tracer = trace.get_tracer("weir")
    with tracer.start_as_current_span(name, parent, attributes=attributes, links=links) as span:
        carrier: dict[str, str] = {}
        if span.is_recording():
            _propagator.inject(carrier)
        yield carrier.get("traceparent", traceparent)


@contextmanager
def shared_span(name: str, traceparents: Sequence[str], **attributes: str | int) -> Iterator[str]:
    """A `batch_span` around work for several callers at once, each of which may have a traceparent.

    It is under the first caller that is sampled, with links to the others; each other sampled caller gets a
    span of the same name under its own, with a link to this one. So every trace leads to what was done.
    """
    callers = [caller for caller in traceparents if _TRACEPARENT(caller)]
    sampled = [caller for caller in callers if int(caller[-2:], 16) & trace.TraceFlags.SAMPLED]
    parent = next(iter(sampled or callers), "")
    others = [caller for caller in dict.fromkeys(sampled) if caller != parent]
    began_ns = time.time_ns()
    with batch_span(name, parent, linked=others, **attributes) as own_trace:
        try:
            yield own_trace
        finally:
            for other in others:
                span = trace.get_tracer("weir").start_span(
                    name,
                    _propagator.extract({"traceparent": other}),
                    links=[trace.Link(_remote_span(own_trace))],
                    start_time=began_ns,
                )
                span.end()


def _remote_span(traceparent: str) -> trace.SpanContext:
    context = _propagator.extract({"traceparent": traceparent})
    return trace.get_current_span(context).get_span_context()


def call_traceparent(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's W3C traceparent in a call's metadata; empty if there is none."""
    for key, value in metadata:
        if key == "traceparent":
            return value if isinstance(value, str) else value.decode("ascii", "replace")
    return ""

"""Spans around what is sent, if the application has OpenTelemetry; without it there are none."""

from collections.abc import Iterator
from contextlib import contextmanager

try:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    _INSTALLED = True
except ImportError:
    _INSTALLED = False


@contextmanager
def batch_span(name: str, **attributes: str | int) -> Iterator[str]:
    """A span around work on one batch. Yields its W3C traceparent, to be sent with the batch; empty if
    OpenTelemetry is missing, not set up, or does not record this span."""
    if not _INSTALLED:
        yield ""
        return
    tracer = trace.get_tracer("weir_client")
    with tracer.start_as_current_span(name, attributes=attributes) as span:
        carrier: dict[str, str] = {}
        if span.is_recording():
            TraceContextTextMapPropagator().inject(carrier)
        yield carrier.get("traceparent", "")

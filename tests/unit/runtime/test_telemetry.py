"""Where tracing is off, a producer's trace is handed on and nothing is contacted."""

import socket

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from libs.runtime.telemetry import batch_span, call_traceparent, setup_telemetry, shared_span

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_traceparent_passes_through() -> None:
    with batch_span("ingest.batch", TRACEPARENT, app_id="chess", events=3) as handed_on:
        assert handed_on == TRACEPARENT
    with batch_span("ingest.batch") as handed_on:
        assert handed_on == ""


@pytest.mark.parametrize(
    "rubbish",
    ["x", TRACEPARENT.upper(), TRACEPARENT + "\n", TRACEPARENT + "-00", "x" * 100_000, "00-é"],
)
def test_what_is_no_traceparent_goes_no_further(rubbish: str) -> None:
    with batch_span("ingest.batch", rubbish) as handed_on:
        assert handed_on == ""


def test_the_callers_trace_is_found_in_the_metadata() -> None:
    assert call_traceparent([("authorization", "x"), ("traceparent", TRACEPARENT)]) == TRACEPARENT
    assert call_traceparent([("traceparent", TRACEPARENT.encode())]) == TRACEPARENT
    assert call_traceparent([]) == ""


def test_without_an_endpoint_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "socket", None)  # opening one fails
    stop = setup_telemetry("test")
    with batch_span("ingest.batch", TRACEPARENT) as handed_on:
        assert handed_on == TRACEPARENT
    stop()


OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
UNSAMPLED = "00-2af7651916cd43dd8448eb211c80319c-d7ad6b7169203331-00"


def test_work_for_several_callers_is_found_from_the_trace_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("libs.runtime.telemetry.trace.get_tracer", provider.get_tracer)
    with shared_span("ingest.batch", ["", UNSAMPLED, TRACEPARENT, OTHER], events=3) as handed_on:
        pass
    joined, shared = exporter.get_finished_spans()
    # The first that is sampled leads on to the next service; the other's trace links to it.
    assert [_trace_and_parent(span) for span in (shared, joined)] == [
        tuple(TRACEPARENT.split("-")[1:3]),
        tuple(OTHER.split("-")[1:3]),
    ]
    assert handed_on == "-".join(["00", *_ids(shared.context), "01"])
    assert [_ids(link.context) for link in shared.links] == [tuple(OTHER.split("-")[1:3])]
    assert [_ids(link.context) for link in joined.links] == [_ids(shared.context)]


def test_work_that_failed_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("libs.runtime.telemetry.trace.get_tracer", provider.get_tracer)
    with pytest.raises(OSError), shared_span("ingest.batch", [TRACEPARENT, OTHER]):
        raise OSError
    found = {_trace_and_parent(span) for span in exporter.get_finished_spans()}
    assert found == {tuple(caller.split("-")[1:3]) for caller in (TRACEPARENT, OTHER)}


def test_without_a_trace_of_a_caller_there_is_one_span_and_no_link() -> None:
    with shared_span("ingest.batch", ["", "rubbish", UNSAMPLED]) as handed_on:
        assert handed_on == UNSAMPLED


def _ids(context: SpanContext | None) -> tuple[str, str]:
    assert context is not None
    return format(context.trace_id, "032x"), format(context.span_id, "016x")


def _trace_and_parent(span: ReadableSpan) -> tuple[str, str]:
    assert span.parent is not None
    assert span.context is not None
    return _ids(span.context)[0], _ids(span.parent)[1]

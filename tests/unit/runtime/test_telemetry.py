"""Where tracing is off, a producer's trace is handed on and nothing is contacted."""

import socket

import pytest

from libs.runtime.telemetry import batch_span, call_traceparent, setup_telemetry

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

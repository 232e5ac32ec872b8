"""The comparison at small batches: its arithmetic by hand, and that both sides get the same."""

import json

import orjson
import pytest
from weir.ingest.v1 import ingest_service_pb2 as pb

from tests.bench.one_kind import APP, OneKind
from tests.bench.report import Report
from tests.bench.sides import Case, Run
from tests.bench.small_batches import BY_COPY, BY_HAND, CASES, WEIR, SmallBatches, calls_for
from tests.bench.traffic import PRODUCTS, AppTraffic

PEOPLE = AppTraffic(PRODUCTS[0], seed=7).people


@pytest.mark.parametrize(
    ("rate", "events", "seconds", "calls"),
    # 5,000 events/s for three seconds are 15,000 events; and no caller is left without a call.
    [(5_000, 1, 3, 15_000), (5_000, 10, 3, 1_500), (2_000, 500, 0.5, 16)],
)
def test_a_run_has_as_many_calls_as_fit_into_its_time(
    rate: float, events: int, seconds: float, calls: int
) -> None:
    assert calls_for(rate, Case("", events, 16), seconds) == calls


def _results(*sides: str) -> SmallBatches:
    """Weir does 100 and then 400 events/s, the others 200 and then 400; the calls of Weir take 8 ms, and one
    in two hundred 50 ms."""
    latencies = [0.008] * 199 + [0.05]
    runs = {
        WEIR: [
            Run(1_000, seconds, {"ingest": 40, "client": 2}, latencies) for seconds in (10, 2.5)
        ],
        BY_HAND: [Run(1_000, seconds, {"by_hand": 30}) for seconds in (5, 2.5)],
        BY_COPY: [Run(1_000, seconds, {"by_hand": 20}) for seconds in (5, 2.5)],
    }
    return SmallBatches(
        {case.name: {side: runs[side] for side in sides} for case in CASES}, echo_p99_ms=[1.5, 2.0]
    )


def test_ratios_are_taken_pair_by_pair_and_cpu_is_that_of_all_processes() -> None:
    line = json.loads(Report(small=_results(WEIR, BY_HAND, BY_COPY)).json_line())
    # 100/200 and 400/400: in the middle 0.75.
    assert line["by_hand_ratio"] == {"1": 0.75, "10": 0.75, "100": 0.75, "500": 0.75}
    assert line["by_hand_ratio_128_callers"] == 0.75
    assert line["small_batches"]["10"] == {
        "weir_events_per_s": 250,
        "weir_cpu_us": 42,
        "by_hand_events_per_s": 300,
        "by_hand_cpu_us": 30,
        "copy_events_per_s": 300,
        "copy_cpu_us": 20,
    }


def test_without_the_hand_written_service_weir_stands_alone() -> None:
    line = json.loads(Report(small=_results(WEIR)).json_line())
    assert line["by_hand_ratio"] == {"1": None, "10": None, "100": None, "500": None}
    assert line["by_hand_ratio_128_callers"] is None
    assert line["small_batches"]["1"] == {"weir_events_per_s": 250, "weir_cpu_us": 42}


def test_a_call_may_take_four_echoes_and_an_fsync() -> None:
    results = _results(WEIR)
    # The slow one in two hundred is beyond the p99.
    assert results.track_p99_ms() == [8.0, 8.0]
    # 8 over 4 x 1.5 + 2, and over 4 x 2 + 2.
    assert results.track_p99_ratio(fsync_ms=2.0).high == 1.0
    assert results.track_p99_ratio(fsync_ms=2.0).low == 0.8


def test_both_sides_get_the_same_events() -> None:
    frames = OneKind(PEOPLE, 1).frames(1, 30)
    [body] = OneKind(PEOPLE, 1).bodies(1, 30)
    single = OneKind(PEOPLE, 1).calls(30)
    in_frame = pb.StreamEventsRequest.FromString(frames.messages[0]).frame.events
    calls = [pb.TrackEventRequest.FromString(call) for call in single]
    assert {call.app_id for call in calls} == {APP}
    for event, call, posted in zip(in_frame, calls, orjson.loads(body), strict=True):
        context = {field.name: value for field, value in event.context.ListFields()}
        expected = {
            "appId": APP,
            "name": event.name,
            "producer": "frontend",
            "environment": "production",
            "subjectId": event.subject_id,
            "sessionId": event.session_id,
            "entityType": event.entity.type,
            "entityId": event.entity.id,
            "context": context,
            "properties": orjson.loads(event.properties_json),
        }
        assert {**posted, "eventId": None, "occurredAt": None} == {
            **expected,
            "eventId": None,
            "occurredAt": None,
        }
        # Ids and times are new each time.
        assert call.event.properties_json == event.properties_json
        assert call.event.context == event.context
    assert (
        len({event.event_id for event in in_frame} | {call.event.event_id for call in calls}) == 60
    )

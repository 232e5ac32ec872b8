"""The numbers that the requirement documents ask for, from the shipped catalogs through the real suite;
what is expected is added up by hand."""

import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf.json_format import MessageToDict
from prometheus_client.parser import text_string_to_metric_families
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc, event_query_pb2, gauge_pb2
from weir.common.v1 import event_pb2

from libs.rpc.channels import Calls
from suite.supervisor import Suite
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually
from weir_client import build_event, describe_error

pytestmark = pytest.mark.xdist_group("suite")
DAY = datetime(2026, 3, 4, tzinfo=UTC)
# By the hour of the bucket (0 of a day) and the values of the dimensions, by their names: the metrics.
Cells = dict[tuple[Any, ...], dict[str, float]]


@pytest.fixture(scope="module")
def suite(counted_suite: Suite) -> Suite:
    return counted_suite


@pytest.fixture(scope="module")
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def _cells(calls: SuiteCalls, app_id: str, rollup: str) -> Cells:
    """The cells of DAY: by hour, then by dimensions."""
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = pb.QueryRollupRequest(app_id=app_id, rollup=rollup)
    getattr(request, "from").FromDatetime(DAY)
    request.to.FromDatetime(DAY + timedelta(days=1))
    response = stub.QueryRollup(request, metadata=calls.metadata)
    found = {}
    for cell in response.cells:
        hour = cell.bucket_start.ToDatetime(tzinfo=UTC).hour
        dimensions = sorted(MessageToDict(cell.dimensions).items())
        found[hour, *(value for _, value in dimensions)] = dict(cell.metrics)
    return found


def _count(calls: SuiteCalls, app_id: str, *happened: tuple[str, str, str, dict[str, Any]]) -> None:
    """Sends events (time of day, person, name, properties); returns when all are counted."""
    events = [
        build_event(
            name,
            event_id=f"evt_{uuid.uuid4().hex}",
            subject_id=person,
            properties=properties,
            occurred_at=datetime.fromisoformat(f"{DAY.date()}T{time}:00+00:00"),
            producer=event_pb2.PRODUCER_API,
        )
        for time, person, name, properties in happened
    ]
    response = calls.track(app_id, *events)
    assert response.counts.accepted == len(events), response
    eventually(
        lambda: (
            sum(cell["events"] for cell in _cells(calls, app_id, "events").values()) == len(events)
        )
    )


def test_social_live(calls: SuiteCalls) -> None:
    def view(kind: str, seconds: float) -> dict[str, Any]:
        return {"contentType": kind, "contentId": f"{kind}-1", "viewDuration": seconds}

    def engagement(action: str) -> dict[str, Any]:
        return {"action": action, "targetType": "post", "targetId": "post-123"}

    def purchase(amount: float, currency: str) -> dict[str, Any]:
        return {"orderId": uuid.uuid4().hex, "amount": amount, "currency": currency}

    _count(
        calls,
        "social_live",
        ("12:10", "ann", "view", view("post", 45)),
        ("12:20", "bob", "view", view("post", 15)),
        ("13:00", "ann", "view", view("post", 30)),
        ("12:59", "ann", "view", view("video", 8)),
        ("12:30", "ann", "engagement", engagement("like")),
        ("12:31", "bob", "engagement", engagement("like")),
        ("12:32", "bob", "engagement", engagement("like")),
        ("12:33", "ann", "engagement", engagement("share")),
        ("12:34", "ann", "engagement", engagement("comment")),
        ("12:35", "bob", "engagement", engagement("follow")),
        ("14:00", "ann", "purchase", purchase(29.99, "USD")),
        ("14:10", "bob", "purchase", purchase(10.01, "USD")),
        ("14:20", "bob", "purchase", purchase(5.5, "BRL")),
    )
    assert _cells(calls, "social_live", "views") == {
        (0, "post"): {"views": 3, "viewers": 2, "avg_view_duration": 30},
        (0, "video"): {"views": 1, "viewers": 1, "avg_view_duration": 8},
    }
    assert _cells(calls, "social_live", "engagements") == {
        (0, "like"): {"engagements": 3, "people": 2},
        (0, "share"): {"engagements": 1, "people": 1},
        (0, "comment"): {"engagements": 1, "people": 1},
        (0, "follow"): {"engagements": 1, "people": 1},
    }
    revenue = _cells(calls, "social_live", "revenue")
    assert {key: (cell["orders"], cell["revenue"]) for key, cell in revenue.items()} == {
        (0, "USD"): (2, 40),
        (0, "BRL"): (1, 5.5),
    }
    # Every type by the hour, without a declaration and without a job.
    assert _cells(calls, "social_live", "events") == {
        (12, "view"): {"events": 3},
        (12, "engagement"): {"events": 6},
        (13, "view"): {"events": 1},
        (14, "purchase"): {"events": 3},
    }


def test_addvalue(calls: SuiteCalls) -> None:
    for person in ("ann", "bob", "cy"):
        calls.record_consent("addvalue", person, analytics=True)

    def act(category: str) -> dict[str, Any]:
        return {"microact_id": f"act-{category}", "category": category}

    post = {"post_id": "post-1"}
    _count(
        calls,
        "addvalue",
        ("08:05", "ann", "microact_created", act("kindness")),
        ("08:50", "bob", "microact_created", act("kindness")),
        ("08:55", "bob", "microact_created", act("health")),
        ("09:00", "ann", "microact_created", act("kindness")),
        ("09:01", "ann", "microact_shared", act("kindness")),
        ("10:00", "ann", "post_created", post),
        ("10:01", "bob", "post_liked", post),
        ("10:02", "bob", "post_liked", post),
        ("10:03", "ann", "post_liked", post),
        ("10:04", "bob", "post_commented", post),
        ("10:05", "ann", "post_shared", post),
        ("11:00", "bob", "user_followed", {"followed_user_id": "ann"}),
        # Changing one's consent is not using the product.
        ("11:30", "cy", "user_consent_update", {"analytics": True}),
    )
    assert _cells(calls, "addvalue", "microacts") == {
        (8, "kindness"): {"microacts": 2, "people": 2},
        (8, "health"): {"microacts": 1, "people": 1},
        (9, "kindness"): {"microacts": 1, "people": 1},
    }
    assert _cells(calls, "addvalue", "community_engagement") == {
        (10, "post_created"): {"actions": 1, "people": 1},
        (10, "post_liked"): {"actions": 3, "people": 2},
        (10, "post_commented"): {"actions": 1, "people": 1},
        (10, "post_shared"): {"actions": 1, "people": 1},
        (11, "user_followed"): {"actions": 1, "people": 1},
    }
    # Daily active users: people, however much they do.
    assert _cells(calls, "addvalue", "activity") == {(0,): {"active_users": 2}}


def _live_numbers(aggregate: Calls, day: datetime) -> tuple[float, ...]:
    """AddValue's five real-time metrics (3.1): active users and micro-acts of the day; people online, in
    a Wave, in an activation. None of the last three while the suite, after its start, makes its gauges."""
    rollup = pb.QueryRollupRequest(app_id="addvalue", rollup="platform_day")
    getattr(rollup, "from").FromDatetime(day)
    rollup.to.FromDatetime(day + timedelta(microseconds=1))
    of_day = Counter[str]()
    for cell in aggregate.QueryRollup(rollup).cells:
        of_day.update(cell.metrics)
    try:
        readings = aggregate.QueryGauges(gauge_pb2.QueryGaugesRequest(app_id="addvalue")).readings
    except grpc.RpcError as error:
        if describe_error(error).reason != "GAUGE_REBUILDING":
            raise
        readings = ()
    now = {reading.gauge: reading.value for reading in readings}
    gauges = ("online_now", "in_wave", "activations_in_progress")
    return (
        of_day["active_users"],
        of_day["microacts"],
        *(now[gauge] for gauge in gauges if now),
    )


def _until_live(aggregate: Calls, day: datetime, expected: tuple[float, ...]) -> None:
    eventually(lambda: _live_numbers(aggregate, day) == expected)


def test_addvalue_each_live_number_follows_its_event(suite: Suite, calls: SuiteCalls) -> None:
    """Event by event, while no scheduled job can begin: each run begins with a row in jobs.runs."""
    for person in ("dot", "eli"):
        calls.record_consent("addvalue", person, analytics=True)
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    aggregate = Calls(stub, suite.addresses.token)
    moment = datetime.now(UTC)
    _until_live(aggregate, moment, (0, 0, 0, 0, 0))
    wave, act = {"wave_id": "w"}, {"microact_id": "a", "category": "kindness"}
    happened: list[tuple[str, str, dict[str, Any], tuple[float, ...]]] = [
        ("dot", "user_login", {}, (1, 0, 1, 0, 0)),
        ("dot", "microact_created", act, (1, 1, 1, 0, 0)),
        ("eli", "user_login", {}, (2, 1, 2, 0, 0)),
        ("eli", "wave_joined", wave, (2, 1, 2, 1, 0)),
        ("dot", "activation_started", {}, (2, 1, 2, 1, 1)),
        ("eli", "wave_left", wave, (2, 1, 2, 0, 1)),
        ("dot", "activation_completed", {}, (2, 1, 2, 0, 0)),
    ]
    with psycopg.connect(suite.addresses.database_url) as connection:
        connection.execute("LOCK TABLE jobs.runs IN ACCESS EXCLUSIVE MODE")
        for number, (person, name, properties, expected) in enumerate(happened):
            event = build_event(
                name,
                subject_id=person,
                properties=properties,
                occurred_at=moment + timedelta(milliseconds=number),
                producer=event_pb2.PRODUCER_API,
            )
            assert calls.track("addvalue", event).counts.accepted == 1
            _until_live(aggregate, moment, expected)


def _ids(calls: SuiteCalls, app_id: str, condition: str) -> list[str]:
    """The ids of the events that a filter of ListEvents finds, sorted."""
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = event_query_pb2.ListEventsRequest(app_id=app_id, filter=condition)
    response = stub.ListEvents(request, metadata=calls.metadata)
    return sorted(event.event_id for event in response.events)


def test_mlc_lms_an_assignment_is_found_wherever_an_event_names_it(calls: SuiteCalls) -> None:
    """As in the document's examples: `game_stage_start` among its properties, `game_stage_complete` in its
    context. The last one has both, and the context counts."""
    stage = {"game_id": "G-01542", "stage_id": "G-01542-quiz"}
    place = {"assignment_id": "asg_789", "sequence_id": "seq_456"}
    scored = {**stage, "score": 87}
    events = [
        build_event(
            name,
            event_id=event_id,
            subject_id="usr_12345",
            group_id="org_54321",
            properties=properties,
            context=context,
            occurred_at=DAY,
        )
        for event_id, name, properties, context in (
            ("lms-start", "game_stage_start", {**stage, **place}, {}),
            ("lms-complete", "game_stage_complete", scored, place),
            ("lms-other", "game_stage_complete", scored, {"assignment_id": "asg_1"}),
            ("lms-both", "game_stage_quit", {**stage, **place}, {"assignment_id": "asg_2"}),
        )
    ]
    calls.record_consent("mlc_lms", "usr_12345", "from_13")
    assert calls.track("mlc_lms", *events).counts.accepted == 4
    eventually(lambda: len(_ids(calls, "mlc_lms", "name = game_stage_*")) == 4)
    assert _ids(calls, "mlc_lms", "context.assignment_id = asg_789") == [
        "lms-complete",
        "lms-start",
    ]
    assert _ids(calls, "mlc_lms", "context.sequence_id = seq_456") == [
        "lms-both",
        "lms-complete",
        "lms-start",
    ]


def _published(suite: Suite, service: str) -> Counter[str]:
    """The sums of a service's metrics by name, and by name and verdict."""
    page = urllib.request.urlopen(suite.addresses.metrics[service], timeout=10).read().decode()
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found[sample.name] += int(sample.value)
            found[f"{sample.name} {sample.labels.get('verdict')}"] += int(sample.value)
    return found


def test_rate_errors_latency_and_queues_are_published(suite: Suite, calls: SuiteCalls) -> None:
    before = {name: _published(suite, name) for name in ("ingest", "enrich", "aggregate")}
    good = build_event("session", event_id=f"evt_{uuid.uuid4().hex}", subject_id="ann")
    bad = build_event("session", properties={"duration": "long"}, subject_id="ann")
    response = calls.track("social_live", good, bad)
    assert (response.counts.accepted, response.counts.rejected) == (1, 1)
    calls.stored("name", [good.event_id])

    def grown(service: str) -> Counter[str]:
        return _published(suite, service) - before[service]

    ingest = grown("ingest")
    assert ingest["weir_ingest_events_total accepted"] == 1
    assert ingest["weir_ingest_events_total rejected"] == 1
    assert ingest["weir_ingest_frame_seconds_count"] == 1
    eventually(lambda: grown("enrich")["weir_stream_chunk_seconds_count"])
    eventually(lambda: grown("aggregate")["weir_stream_chunk_seconds_count"])
    # Gauges, which are 0 while nothing waits.
    assert {"weir_ingest_backlog_entries", "weir_ingest_backlog_bytes"} <= set(
        _published(suite, "ingest")
    )
    queues = {
        "weir_stream_waiting_seconds",
        "weir_stream_age_seconds",
        "weir_stream_pending_entries",
    }
    assert queues <= set(_published(suite, "enrich"))
    assert queues <= set(_published(suite, "aggregate"))

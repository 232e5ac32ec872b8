"""What the real ingest refuses, one frame, event or call at a time."""

import grpc
import pytest
from google.rpc import error_details_pb2
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls
from weir_client import describe_error, describe_status

pytestmark = pytest.mark.xdist_group("suite")


def test_settings_come_first_and_once(calls: SuiteCalls) -> None:
    with calls.open_stream() as stream:
        stream.request(frame=pb.EventFrame(sequence=1))
        with pytest.raises(grpc.RpcError) as rejection:
            stream.response()
    assert rejection.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert describe_error(rejection.value).field == "settings"
    with calls.open_stream() as stream:
        limits = stream.settle(APP, max_in_flight=4)
        assert (limits.max_events, limits.max_bytes, limits.credits) == (1000, 4 * 1024 * 1024, 4)
        stream.request(settings=pb.StreamSettings(app_id=APP))
        assert stream.response().ack.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert stream.send(mission(*ids(1))).counts.accepted == 1
        stream.finish()


def test_a_stream_says_once_what_its_events_have_in_common(calls: SuiteCalls) -> None:
    event_ids = ids(2)
    with calls.open_stream() as stream:
        stream.settle(
            APP,
            producer=event_pb2.PRODUCER_API,
            environment=event_pb2.ENVIRONMENT_STAGING,
        )
        own = mission(event_ids[1], environment=event_pb2.ENVIRONMENT_DEVELOPMENT)
        assert stream.send(mission(event_ids[0]), own).counts.accepted == 2
    assert calls.stored("producer, environment", event_ids) == [
        ("api", "staging"),
        ("api", "development"),
    ]


def test_a_frame_that_is_too_large_is_refused_and_the_stream_lives_on(calls: SuiteCalls) -> None:
    event_ids = ids(1001)
    # Each as large as `context.extra` may be, all together more than 4 MiB.
    large = event_pb2.Context()
    large.extra.update({"note": "x" * 60_000})
    with calls.open_stream() as stream:
        stream.settle(APP)
        for frame, limit in (
            ([mission(event_id) for event_id in event_ids], "max_events"),
            ([mission(event_id, context=large) for event_id in event_ids[:80]], "max_bytes"),
        ):
            ack = stream.send(*frame)
            info = error_details_pb2.ErrorInfo()
            assert ack.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            assert ack.status.details[0].Unpack(info)
            assert (info.reason, info.metadata["limit"]) == ("LIMIT_EXCEEDED", limit)
            assert ack.counts == pb.VerdictCounts()
            assert ack.credits == 1
        empty = stream.send()
        assert describe_status(empty.status).field == "events"
        assert empty.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        # Nothing of those frames was taken.
        assert stream.send(mission(event_ids[1])).counts.accepted == 1
        stream.finish()


def test_hostile_events_are_refused_one_by_one(calls: SuiteCalls) -> None:
    event_ids = ids(9)
    hostile = [
        b'{"mission_type":"send_messages","xp_awarded":NaN}',
        b'{"mission_type":"send_messages","xp_awarded":1,"x":"\\u0000"}',
        b'{"mission_type":"send_messages","xp_awarded":1,"x":"\\ud800"}',
        b'{"mission_type":"send_messages","xp_awarded":1,"xp_awarded":2}',
        b'{"mission_type":"send_messages","xp_awarded":1,"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b"\xff\xfe",
    ]
    events = [mission(event_id) for event_id in event_ids]
    for event, raw in zip(events, hostile, strict=False):
        event.properties_json = raw
    events[6].occurred_at.seconds += 24 * 3600
    events[7].occurred_at.seconds = -(2**40)
    ack = calls.track(APP, *events)
    assert ack.counts == pb.VerdictCounts(accepted=1, rejected=8)
    fields = [describe_status(result.status).field for result in ack.results]
    assert fields == ["properties"] * 6 + ["occurred_at"] * 2
    # Names that look like code are stored as what they are: names.
    name = "'); DROP TABLE enrich.events; --"
    odd = {"mission_type": "send_messages", "xp_awarded": 1, name: "$.a", "__proto__": "../x"}
    [event_id] = ids(1)
    assert calls.track(APP, mission(event_id, properties=odd)).counts.accepted == 1
    assert calls.stored("properties", [event_id]) == [(odd,)]


@pytest.mark.parametrize("token", [None, "wrong", ""])
def test_without_the_token_nothing_is_told(calls: SuiteCalls, token: str | None) -> None:
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    stub = calls.ingest()
    request = pb.TrackEventRequest(app_id="no such app", event=mission(*ids(1)))
    with pytest.raises(grpc.RpcError) as unary:
        stub.TrackEvent(request, metadata=metadata, timeout=30)
    with pytest.raises(grpc.RpcError) as stream:
        next(stub.StreamEvents(iter([pb.StreamEventsRequest()]), metadata=metadata, timeout=30))
    for rejection in (unary.value, stream.value):
        assert rejection.code() is grpc.StatusCode.UNAUTHENTICATED
        assert describe_error(rejection).reason == "TOKEN_INVALID"


def test_an_app_without_a_catalog_is_not_found(calls: SuiteCalls) -> None:
    with pytest.raises(grpc.RpcError) as rejection:
        calls.track("no_such_app", mission(*ids(1)))
    assert rejection.value.code() is grpc.StatusCode.NOT_FOUND
    assert describe_error(rejection.value).reason == "APP_UNKNOWN"
    with calls.open_stream() as stream:
        with pytest.raises(grpc.RpcError) as rejection:
            stream.settle("no_such_app")
        assert rejection.value.code() is grpc.StatusCode.NOT_FOUND


def test_random_bytes_get_a_status_and_hurt_nobody(calls: SuiteCalls) -> None:
    send = calls.channel("ingest").unary_unary(
        "/weir.ingest.v1.IngestService/TrackBatch", lambda raw: raw, lambda raw: raw
    )
    for raw in (b"\xff" * 100, b"\x12\x05hello", bytes(range(256))):
        with pytest.raises(grpc.RpcError) as rejection:
            send(raw, metadata=calls.metadata, timeout=30)
        assert rejection.value.code() is not grpc.StatusCode.UNAVAILABLE
    assert calls.track(APP, mission(*ids(1))).counts.accepted == 1

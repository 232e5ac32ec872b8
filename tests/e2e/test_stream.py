"""The real ingest over gRPC: streams, verdicts, consent, limits, drain."""

import os
import re
import signal
import threading
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from prometheus_client.parser import text_string_to_metric_families
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.client import WeirClient, build_event, describe_error
from libs.client.errors import describe_status
from services.local import Suite
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("suite")
APP = "unofficial_communities"
PERSON = "12345"


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        opened.record_consent(APP, PERSON, telemetry=True)
        yield opened


def _ids(count: int) -> list[str]:
    prefix = uuid.uuid4().hex
    return [f"{prefix}-{number:04}" for number in range(count)]


def _mission(event_id: str, **fields: Any) -> event_pb2.Event:
    properties = {"mission_type": "send_messages", "xp_awarded": 50}
    return build_event(
        "gamification.mission.completed",
        event_id=event_id,
        **{"subject_id": PERSON, "properties": properties, **fields},
    )


def _whatsapp(event_id: str, **properties: Any) -> event_pb2.Event:
    return build_event(
        "whatsapp.message.sent",
        event_id=event_id,
        producer=event_pb2.PRODUCER_WEBHOOKS,
        properties=properties,
    )


def test_one_bad_event_among_500_is_named_and_499_are_stored(calls: SuiteCalls) -> None:
    ids = _ids(500)
    events = [_mission(event_id) for event_id in ids]
    events[321].properties_json = b'{"mission_type":"send_messages","xp_awarded":"fifty"}'
    with calls.open_stream() as stream:
        stream.settle(APP)
        ack = stream.send(*events)
    assert ack.sequence == 1
    assert ack.credits == 1
    assert ack.counts == pb.VerdictCounts(accepted=499, rejected=1)
    [result] = ack.results
    assert (result.index, result.event_id, result.verdict) == (321, ids[321], pb.VERDICT_REJECTED)
    problem = describe_status(result.status)
    assert (problem.reason, problem.field) == ("PROPERTIES_INVALID", "properties.xp_awarded")
    assert "integer" in problem.message
    bad_request = error_details_pb2.BadRequest()
    assert result.status.details[1].Unpack(bad_request)
    assert bad_request.field_violations[0].field == "properties.xp_awarded"

    stored = calls.stored("event_id", ids[:321] + ids[322:])
    assert len(stored) == 499
    letter = "SELECT event_id, reason, field FROM ingest.dead_letters WHERE dead_letter_id = %s"
    eventually(lambda: bool(calls.query(letter, result.dead_letter_id)))
    assert calls.query(letter, result.dead_letter_id) == [
        (ids[321], "PROPERTIES_INVALID", "properties.xp_awarded")
    ]
    assert calls.query("SELECT count(*) FROM enrich.events WHERE event_id = %s", ids[321]) == [(0,)]


def test_a_withdrawal_between_two_frames_takes_effect_on_the_second(calls: SuiteCalls) -> None:
    first, second, third = _ids(3)
    subject_id = uuid.uuid4().hex
    with calls.open_stream() as stream:
        stream.settle(APP)
        calls.record_consent(APP, subject_id, telemetry=True)
        before = stream.send(_mission(first, subject_id=subject_id))
        calls.record_consent(APP, subject_id, telemetry=False)
        after = stream.send(_mission(second, subject_id=subject_id, session_id="s1"))
        calls.record_consent(APP, subject_id, telemetry=True)
        again = stream.send(_mission(third, subject_id=subject_id))
    assert [ack.counts.accepted for ack in (before, after, again)] == [1, 0, 1]
    assert after.counts.anonymized == 1
    rows = calls.stored("subject_id, anonymous_id, session_id", [first, second, third])
    assert rows[0] == (subject_id, None, None)
    assert rows[2] == (subject_id, None, None)
    nobody, anonymous_id, session_id = rows[1]
    assert nobody is None
    assert re.fullmatch("[0-9a-f]{32}", anonymous_id)
    assert re.fullmatch("[0-9a-f]{32}", session_id)


def test_a_purpose_that_drops_stores_nothing_until_it_is_granted(calls: SuiteCalls) -> None:
    refused, malformed, granted = _ids(3)
    subject_id = str(uuid.uuid4().int % 10**9)
    person = {"community_id": 1, "identity_id": int(subject_id)}
    with calls.open_stream() as stream:
        stream.settle(APP)
        ack = stream.send(
            _whatsapp(refused, **person),
            _whatsapp(malformed, **person, text="hello"),
        )
        assert ack.counts == pb.VerdictCounts(dropped=2)
        calls.record_consent(APP, subject_id, whatsapp_activity=True)
        assert stream.send(_whatsapp(granted, **person)).counts == pb.VerdictCounts(accepted=1)
    assert calls.stored("subject_id, group_id", [granted]) == [(subject_id, "1")]
    # What was sent before is stored in order, so it would be there by now.
    ids = [refused, malformed]
    assert calls.query("SELECT 1 FROM enrich.events WHERE event_id = ANY(%s)", ids) == []
    assert calls.query("SELECT 1 FROM ingest.dead_letters WHERE event_id = ANY(%s)", ids) == []


def test_addresses_are_stored_truncated_and_pii_without_a_name(calls: SuiteCalls) -> None:
    ids = _ids(3)
    subject_id = f"canary-{uuid.uuid4().hex}"
    response = calls.track(
        APP,
        _mission(ids[0], context={"ip": "8.8.8.8"}),
        _mission(ids[1], context={"ip": "2001:db8:aaaa:bbbb::1"}),
        _mission(ids[2], subject_id=subject_id, privacy_level=event_pb2.PRIVACY_LEVEL_PII),
    )
    assert response.counts == pb.VerdictCounts(accepted=2, anonymized=1)
    rows = calls.stored("context, country, subject_id, properties", ids)
    assert [row[0] for row in rows[:2]] == [{"ip": "8.8.8.0"}, {"ip": "2001:db8:aaaa::"}]
    assert rows[0][1] == "US"
    assert rows[2][2] is None
    everything = calls.query("SELECT e::text FROM enrich.events e WHERE event_id = %s", ids[2])
    assert "canary" not in everything[0][0]


def test_a_resend_is_a_duplicate_and_another_payload_a_conflict(calls: SuiteCalls) -> None:
    [event_id] = _ids(1)
    counter = 'weir_ingest_conflicts_total{app="unofficial_communities"}'

    def conflicts() -> float:
        with urllib.request.urlopen(calls.suite.addresses.metrics["ingest"]) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(counter))

    before = conflicts()
    verdicts = [
        calls.track(APP, event).counts
        for event in (
            _mission(event_id),
            _mission(event_id),
            _mission(event_id, properties={"mission_type": "send_messages", "xp_awarded": 51}),
        )
    ]
    assert [(c.accepted, c.duplicate) for c in verdicts] == [(1, 0), (0, 1), (0, 1)]
    assert conflicts() == before + 1
    assert calls.stored("properties->'xp_awarded'", [event_id]) == [(50,)]


def test_the_same_ids_on_two_streams_at_once_are_stored_once(calls: SuiteCalls) -> None:
    ids = _ids(400)
    totals = []

    def send() -> None:
        with calls.open_stream() as stream:
            stream.settle(APP)
            totals.extend(
                stream.send(*[_mission(event_id) for event_id in ids[start : start + 50]]).counts
                for start in range(0, 400, 50)
            )

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts.accepted for counts in totals) == 400
    assert sum(counts.duplicate for counts in totals) == 800
    assert len(calls.stored("event_id", ids)) == 400


def test_settings_come_first_and_once(calls: SuiteCalls) -> None:
    with calls.open_stream() as stream:
        stream.request(frame=pb.EventFrame(sequence=1))
        with pytest.raises(grpc.RpcError) as refusal:
            stream.response()
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert describe_error(refusal.value).field == "settings"
    with calls.open_stream() as stream:
        limits = stream.settle(APP, max_in_flight=4)
        assert (limits.max_events, limits.max_bytes, limits.credits) == (1000, 4 * 1024 * 1024, 4)
        stream.request(settings=pb.StreamSettings(app_id=APP))
        assert stream.response().ack.status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert stream.send(_mission(*_ids(1))).counts.accepted == 1
        stream.finish()


def test_a_stream_says_once_what_its_events_have_in_common(calls: SuiteCalls) -> None:
    ids = _ids(2)
    with calls.open_stream() as stream:
        stream.settle(
            APP,
            producer=event_pb2.PRODUCER_API,
            environment=event_pb2.ENVIRONMENT_STAGING,
        )
        own = _mission(ids[1], environment=event_pb2.ENVIRONMENT_DEVELOPMENT)
        assert stream.send(_mission(ids[0]), own).counts.accepted == 2
    assert calls.stored("producer, environment", ids) == [
        ("api", "staging"),
        ("api", "development"),
    ]


def test_a_frame_that_is_too_large_is_refused_and_the_stream_lives_on(calls: SuiteCalls) -> None:
    ids = _ids(1001)
    # Each as large as `context.extra` may be, all together more than 4 MiB.
    large = event_pb2.Context()
    large.extra.update({"note": "x" * 60_000})
    with calls.open_stream() as stream:
        stream.settle(APP)
        for frame, limit in (
            ([_mission(event_id) for event_id in ids], "max_events"),
            ([_mission(event_id, context=large) for event_id in ids[:80]], "max_bytes"),
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
        assert stream.send(_mission(ids[1])).counts.accepted == 1
        stream.finish()


def test_hostile_events_are_refused_one_by_one(calls: SuiteCalls) -> None:
    ids = _ids(9)
    hostile = [
        b'{"mission_type":"send_messages","xp_awarded":NaN}',
        b'{"mission_type":"send_messages","xp_awarded":1,"x":"\\u0000"}',
        b'{"mission_type":"send_messages","xp_awarded":1,"x":"\\ud800"}',
        b'{"mission_type":"send_messages","xp_awarded":1,"xp_awarded":2}',
        b'{"mission_type":"send_messages","xp_awarded":1,"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b"\xff\xfe",
    ]
    events = [_mission(event_id) for event_id in ids]
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
    [event_id] = _ids(1)
    assert calls.track(APP, _mission(event_id, properties=odd)).counts.accepted == 1
    assert calls.stored("properties", [event_id]) == [(odd,)]


@pytest.mark.parametrize("token", [None, "wrong", ""])
def test_without_the_token_nothing_is_told(calls: SuiteCalls, token: str | None) -> None:
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    stub = calls.ingest()
    request = pb.TrackEventRequest(app_id="no such app", event=_mission(*_ids(1)))
    with pytest.raises(grpc.RpcError) as unary:
        stub.TrackEvent(request, metadata=metadata, timeout=30)
    with pytest.raises(grpc.RpcError) as stream:
        next(stub.StreamEvents(iter([pb.StreamEventsRequest()]), metadata=metadata, timeout=30))
    for refusal in (unary.value, stream.value):
        assert refusal.code() is grpc.StatusCode.UNAUTHENTICATED
        assert describe_error(refusal).reason == "TOKEN_INVALID"


def test_an_app_without_a_catalog_is_not_found(calls: SuiteCalls) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        calls.track("no_such_app", _mission(*_ids(1)))
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
    assert describe_error(refusal.value).reason == "APP_UNKNOWN"
    with calls.open_stream() as stream:
        with pytest.raises(grpc.RpcError) as refusal:
            stream.settle("no_such_app")
        assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


def test_random_bytes_get_a_status_and_hurt_nobody(calls: SuiteCalls) -> None:
    send = calls.channel("ingest").unary_unary(
        "/weir.ingest.v1.IngestService/TrackBatch", lambda raw: raw, lambda raw: raw
    )
    for raw in (b"\xff" * 100, b"\x12\x05hello", bytes(range(256))):
        with pytest.raises(grpc.RpcError) as refusal:
            send(raw, metadata=calls.metadata, timeout=30)
        assert refusal.value.code() is not grpc.StatusCode.UNAVAILABLE
    assert calls.track(APP, _mission(*_ids(1))).counts.accepted == 1


def _send_until(sender: Any, sent: list[str], stop: threading.Event) -> None:
    while not stop.is_set():
        for event_id in _ids(50):
            sent.append(event_id)
            sender.send(_mission(event_id))
        stop.wait(0.01)


def test_sigterm_sends_streams_away_and_loses_nothing_that_was_acked(
    suite: Suite, calls: SuiteCalls
) -> None:
    acked: set[str] = set()
    sent: list[str] = []

    def on_ack(events: Sequence[event_pb2.Event], ack: pb.FrameAck) -> None:
        assert not ack.HasField("status")
        retried = {r.index for r in ack.results if r.verdict == pb.VERDICT_RETRY}
        acked.update(e.event_id for n, e in enumerate(events) if n not in retried)

    address = suite.addresses.services["ingest"]
    with calls.open_stream() as idle, WeirClient(address, token=suite.addresses.token) as client:
        idle.settle(APP)
        assert idle.send(_mission(*_ids(1))).counts.accepted == 1
        with client.stream(APP, frame_events=50, on_ack=on_ack) as sender:
            stop = threading.Event()
            thread = threading.Thread(target=_send_until, args=(sender, sent, stop))
            thread.start()
            try:
                eventually(lambda: len(acked) > 500)
                os.kill(suite.pid("ingest"), signal.SIGTERM)
                assert idle.response().go_away.last_sequence == 1
                # A frame that was under way is still answered; then the server ends the call.
                assert idle.send(_mission(*_ids(1))).counts.accepted == 1
                idle.finish()
                eventually(lambda: not suite.part("ingest").running)
                at_the_end = len(acked)
                suite.restart("ingest")
                eventually(lambda: len(acked) > at_the_end + 500)
            finally:
                stop.set()
                thread.join()
    assert acked == set(sent)
    assert len(calls.stored("event_id", sent)) == len(sent)


def test_a_producer_that_stays_after_go_away_is_told_that_the_pod_drains(
    suite: Suite, calls: SuiteCalls
) -> None:
    with calls.open_stream() as idle:
        idle.settle(APP)
        os.kill(suite.pid("ingest"), signal.SIGTERM)
        assert idle.response().HasField("go_away")
        with pytest.raises(grpc.RpcError) as ended:
            idle.response()
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    assert describe_error(ended.value).reason == "DRAINING"
    eventually(lambda: not suite.part("ingest").running)
    suite.restart("ingest")


def test_the_metric_adds_up_to_what_was_answered(suite: Suite, calls: SuiteCalls) -> None:
    def counted() -> dict[str, float]:
        text = urllib.request.urlopen(suite.addresses.metrics["ingest"], timeout=10).read().decode()
        return {
            sample.labels["verdict"]: sample.value
            for metric in text_string_to_metric_families(text)
            for sample in metric.samples
            if sample.name == "weir_ingest_events_total" and sample.labels["app"] == APP
        }

    before = counted()
    good, bad, named, dropped = _ids(4)
    frame = [
        *(_mission(event_id) for event_id in (good, good, *_ids(97))),
        _mission(bad, properties={}),
        _mission(named, privacy_level=event_pb2.PRIVACY_LEVEL_PII),
        _whatsapp(dropped, community_id=1, identity_id=uuid.uuid4().int % 10**9),
    ]
    with calls.open_stream() as stream:
        stream.settle(APP)
        counts = [stream.send(*frame).counts, stream.send(*frame[:2]).counts]
        stream.finish()
    assert counts == [
        pb.VerdictCounts(accepted=98, duplicate=1, rejected=1, anonymized=1, dropped=1),
        pb.VerdictCounts(duplicate=2),
    ]
    after = counted()
    for field in pb.VerdictCounts.DESCRIPTOR.fields:
        grown = after.get(field.name, 0) - before.get(field.name, 0)
        assert grown == sum(getattr(each, field.name) for each in counts), field.name

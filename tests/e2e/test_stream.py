"""The real ingest over gRPC: verdicts and consent of streamed events, and metrics that add up."""

import re
import threading
import urllib.request
import uuid

import pytest
from google.rpc import error_details_pb2
from prometheus_client.parser import text_string_to_metric_families
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from suite.supervisor import Suite
from tests.support.pseudonyms import keyed_event_id, pseudonymizer_of
from tests.support.stream_events import APP, ids, mission, whatsapp
from tests.support.suite_calls import SuiteCalls
from tests.support.waiting import eventually
from weir_client import describe_status

pytestmark = pytest.mark.xdist_group("suite")


def test_one_bad_event_among_500_is_named_and_499_are_stored(calls: SuiteCalls) -> None:
    event_ids = ids(500)
    events = [mission(event_id) for event_id in event_ids]
    events[321].properties_json = b'{"mission_type":"send_messages","xp_awarded":"fifty"}'
    with calls.open_stream() as stream:
        stream.settle(APP)
        ack = stream.send(*events)
    assert ack.sequence == 1
    assert ack.credits == 1
    assert ack.counts == pb.VerdictCounts(accepted=499, rejected=1)
    [result] = ack.results
    assert (result.index, result.event_id, result.verdict) == (
        321,
        event_ids[321],
        pb.VERDICT_REJECTED,
    )
    problem = describe_status(result.status)
    assert (problem.reason, problem.field) == ("PROPERTIES_INVALID", "properties.xp_awarded")
    assert "integer" in problem.message
    bad_request = error_details_pb2.BadRequest()
    assert result.status.details[1].Unpack(bad_request)
    assert bad_request.field_violations[0].field == "properties.xp_awarded"

    stored = calls.stored("event_id", event_ids[:321] + event_ids[322:])
    assert len(stored) == 499
    letter = "SELECT event_id, reason, field FROM ingest.dead_letters WHERE dead_letter_id = %s"
    eventually(lambda: bool(calls.query(letter, result.dead_letter_id)))
    assert calls.query(letter, result.dead_letter_id) == [
        (event_ids[321], "PROPERTIES_INVALID", "properties.xp_awarded")
    ]
    assert calls.query(
        "SELECT count(*) FROM enrich.events WHERE event_id = %s", event_ids[321]
    ) == [(0,)]


def test_a_withdrawal_between_two_frames_takes_effect_on_the_second(calls: SuiteCalls) -> None:
    first, second, third = ids(3)
    subject_id = uuid.uuid4().hex
    with calls.open_stream() as stream:
        stream.settle(APP)
        calls.record_consent(APP, subject_id, telemetry=True)
        before = stream.send(mission(first, subject_id=subject_id))
        calls.record_consent(APP, subject_id, telemetry=False)
        after = stream.send(mission(second, subject_id=subject_id, session_id="s1"))
        calls.record_consent(APP, subject_id, telemetry=True)
        again = stream.send(mission(third, subject_id=subject_id))
    assert [ack.counts.accepted for ack in (before, after, again)] == [1, 0, 1]
    assert after.counts.anonymized == 1
    rows = calls.stored("subject_id, anonymous_id, session_id", [first, second, third])
    assert rows[0] == (subject_id, None, None)
    assert rows[2] == (subject_id, None, None)
    subject_id, anonymous_id, session_id = rows[1]
    assert subject_id is None
    assert re.fullmatch("[0-9a-f]{32}", anonymous_id)
    assert re.fullmatch("[0-9a-f]{32}", session_id)


def test_a_purpose_that_drops_stores_nothing_until_it_is_granted(calls: SuiteCalls) -> None:
    refused, malformed, granted = ids(3)
    subject_id = str(uuid.uuid4().int % 10**9)
    person = {"community_id": 1, "identity_id": int(subject_id)}
    with calls.open_stream() as stream:
        stream.settle(APP)
        ack = stream.send(
            whatsapp(refused, **person),
            whatsapp(malformed, **person, text="hello"),
        )
        assert ack.counts == pb.VerdictCounts(dropped=2)
        calls.record_consent(APP, subject_id, whatsapp_activity=True)
        assert stream.send(whatsapp(granted, **person)).counts == pb.VerdictCounts(accepted=1)
    assert calls.stored_of_day("subject_id, group_id", APP, granted) == [(subject_id, "1")]
    # What was sent before is stored in order, so it would be there by now.
    keyed = pseudonymizer_of(calls.suite.home)
    event_ids = [refused, malformed]
    event_ids += [keyed_event_id(keyed, APP, each) for each in event_ids]
    assert calls.query("SELECT 1 FROM enrich.events WHERE event_id = ANY(%s)", event_ids) == []
    assert (
        calls.query("SELECT 1 FROM ingest.dead_letters WHERE event_id = ANY(%s)", event_ids) == []
    )


def test_addresses_are_stored_truncated_and_pii_without_a_name(calls: SuiteCalls) -> None:
    event_ids = ids(3)
    subject_id = f"canary-{uuid.uuid4().hex}"
    response = calls.track(
        APP,
        mission(event_ids[0], context={"ip": "8.8.8.8"}),
        mission(event_ids[1], context={"ip": "2001:db8:aaaa:bbbb::1"}),
        mission(event_ids[2], subject_id=subject_id, privacy_level=event_pb2.PRIVACY_LEVEL_PII),
    )
    assert response.counts == pb.VerdictCounts(accepted=2, anonymized=1)
    rows = calls.stored("context, country, subject_id, properties", event_ids)
    assert [row[0] for row in rows[:2]] == [{"ip": "8.8.8.0"}, {"ip": "2001:db8:aaaa::"}]
    assert rows[0][1] == "US"
    assert rows[2][2] is None
    everything = calls.query(
        "SELECT e::text FROM enrich.events e WHERE event_id = %s", event_ids[2]
    )
    assert "canary" not in everything[0][0]


def test_a_resend_is_a_duplicate_and_another_payload_a_conflict(calls: SuiteCalls) -> None:
    [event_id] = ids(1)
    counter = 'weir_ingest_conflicts_total{app="unofficial_communities"}'

    def conflicts() -> float:
        with urllib.request.urlopen(calls.suite.addresses.metrics["ingest"]) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(counter))

    before = conflicts()
    verdicts = [
        calls.track(APP, event).counts
        for event in (
            mission(event_id),
            mission(event_id),
            mission(event_id, properties={"mission_type": "send_messages", "xp_awarded": 51}),
        )
    ]
    assert [(c.accepted, c.duplicate) for c in verdicts] == [(1, 0), (0, 1), (0, 1)]
    assert conflicts() == before + 1
    assert calls.stored("properties->'xp_awarded'", [event_id]) == [(50,)]


def test_the_same_ids_on_two_streams_at_once_are_stored_once(calls: SuiteCalls) -> None:
    event_ids = ids(400)
    totals: list[pb.VerdictCounts] = []

    def send() -> None:
        with calls.open_stream() as stream:
            stream.settle(APP)
            totals.extend(
                stream.send(
                    *[mission(event_id) for event_id in event_ids[start : start + 50]]
                ).counts
                for start in range(0, 400, 50)
            )

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts.accepted for counts in totals) == 400
    assert sum(counts.duplicate for counts in totals) == 800
    assert len(calls.stored("event_id", event_ids)) == 400


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
    good, bad, named, dropped = ids(4)
    frame = [
        *(mission(event_id) for event_id in (good, good, *ids(97))),
        mission(bad, properties={}),
        mission(named, privacy_level=event_pb2.PRIVACY_LEVEL_PII),
        whatsapp(dropped, community_id=1, identity_id=uuid.uuid4().int % 10**9),
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

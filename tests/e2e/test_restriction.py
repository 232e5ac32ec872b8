"""Restriction of processing, by the command: in force when it returns, until it is lifted."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from weir.aggregate.v1 import aggregate_service_pb2_grpc, event_query_pb2
from weir.ingest.v1 import ingest_service_pb2 as ingest_pb
from weir.privacy.v1 import privacy_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.erasing import Erasing
from tests.support.rejections import reason_of
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.weir_command import weir

pytestmark = pytest.mark.xdist_group("suite")


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def check(calls: SuiteCalls, person: str, token: str = "") -> pb.CheckConsentResponse:
    """What CheckConsent answers of telemetry."""
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(calls.channel("privacy"))
    request = pb.CheckConsentRequest(
        app_id=APP, subject_id=person, purpose="telemetry", token=token
    )
    answer: pb.CheckConsentResponse = stub.CheckConsent(
        request, metadata=calls.metadata, timeout=20
    )
    return answer


def sent(calls: SuiteCalls, person: str, event_id: str) -> int:
    """The verdict of one event about the person; accepted ones have no result."""
    results = calls.track(APP, mission(event_id, subject_id=person)).results
    return results[0].verdict if results else ingest_pb.VERDICT_ACCEPTED


def listed(calls: SuiteCalls, query: str) -> list[str]:
    """The ids of the events that ListEvents finds. Raises grpc.RpcError."""
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = event_query_pb2.ListEventsRequest(app_id=APP, filter=query)
    answer = stub.ListEvents(request, metadata=calls.metadata, timeout=20)
    return [event.event_id for event in answer.events]


def exported(calls: SuiteCalls) -> str:
    """What ExportEvents gives of today."""
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    request = event_query_pb2.ExportEventsRequest(
        app_id=APP, format=event_query_pb2.EXPORT_FORMAT_JSON_LINES
    )
    answers = stub.ExportEvents(request, metadata=calls.metadata, timeout=20)
    return b"".join(answer.data for answer in answers).decode()


def said(calls: SuiteCalls, *arguments: str) -> dict[str, str]:
    """What a command answers as JSON."""
    found = weir(calls.suite.home.path, *arguments, "--json")
    assert found.returncode == 0, found.stderr
    answer: dict[str, str] = json.loads(found.stdout)
    return answer


def test_a_restriction_is_in_force_at_once_and_lifted_what_was_said_counts(
    calls: SuiteCalls, tmp_path: Path
) -> None:
    person, [before, during, after, others] = f"restricted-{uuid4().hex}", ids(4)
    other = f"other-{uuid4().hex}"
    about = ("--app", APP, "--subject", person)
    calls.record_consent(APP, person, telemetry=True)
    calls.record_consent(APP, other, telemetry=True)
    assert sent(calls, person, before) == ingest_pb.VERDICT_ACCEPTED
    assert sent(calls, other, others) == ingest_pb.VERDICT_ACCEPTED
    assert len(calls.stored("event_id", [before, others])) == 2
    assert listed(calls, f'subject_id = "{person}"') == [before]

    reason = ("--reason", "the person contests an event")
    first = said(calls, "subject", "restrict", *about, *reason)
    answer = check(calls, person, first["token"])
    assert answer.decision == pb.DECISION_DROP
    assert answer.reason == pb.DECISION_REASON_RESTRICTED
    assert answer.status == pb.CONSENT_STATUS_GRANTED
    assert sent(calls, person, during) == ingest_pb.VERDICT_DROPPED
    assert person in said(calls, "subject", "restricted", "--app", APP)["subject_ids"]
    # Again, it is the same one.
    assert said(calls, "subject", "restrict", *about, *reason) == first
    # What the person says meanwhile is recorded, and opens nothing.
    calls.record_consent(APP, person, telemetry=True)
    assert check(calls, person).reason == pb.DECISION_REASON_RESTRICTED

    # Callers are shown nothing of them.
    with pytest.raises(grpc.RpcError) as denied:
        listed(calls, f'subject_id = "{person}"')
    assert reason_of(denied.value) == ("FAILED_PRECONDITION", "PROCESSING_RESTRICTED", "")
    assert listed(calls, f'event_id = "{before}" OR event_id = "{others}"') == [others]
    assert others in exported(calls)
    assert before not in exported(calls)
    own = weir(calls.suite.home.path, "privacy", "events", *about, "--json")
    assert before in own.stdout

    # Their own export has what is stored, and the restriction.
    output = tmp_path / "person.zip"
    said(calls, "subject", "export", *about, "--output", str(output))
    with zipfile.ZipFile(output) as archive:
        rows = {
            kind: [json.loads(line) for line in archive.read(f"data/{kind}.jsonl").splitlines()]
            for kind in ("events", "consents", "consent_history", "audit_trail")
        }
    assert [event["event_id"] for event in rows["events"]] == [before]
    assert {(row["purpose"], row["status"]) for row in rows["consents"]} == {
        ("telemetry", "granted"),
        (None, "restricted"),
    }
    [restriction] = [row for row in rows["consent_history"] if row["status"] == "restricted"]
    assert restriction["method"] == "the person contests an event"
    assert "subject.restricted" in {entry["action"] for entry in rows["audit_trail"]}

    lifted = said(calls, "subject", "lift", *about, "--reason", "it was right")
    assert person not in said(calls, "subject", "restricted", "--app", APP)["subject_ids"]
    # An app of which no test restricts anyone: the suite is shared.
    elsewhere = ("--app", "gamelaunch")
    no_one = weir(calls.suite.home.path, "subject", "restricted", *elsewhere)
    assert (no_one.returncode, no_one.stdout) == (0, "")
    answer = check(calls, person, lifted["token"])
    assert (answer.decision, answer.reason) == (pb.DECISION_ALLOW, pb.DECISION_REASON_ANSWER)
    assert sent(calls, person, after) == ingest_pb.VERDICT_ACCEPTED
    assert before in listed(calls, f'subject_id = "{person}"')
    assert len(calls.stored("event_id", [before, after])) == 2
    shown = weir(calls.suite.home.path, "consent", "history", *about)
    assert shown.returncode == 0
    assert "restricted" in shown.stdout
    assert "restriction" in shown.stdout
    assert "age band" not in shown.stdout
    assert "lifted" in shown.stdout
    assert calls.query("SELECT FROM enrich.events WHERE event_id = %s", during) == []


def test_a_persons_word_is_checked_and_no_receipt_is_made_of_a_restriction(
    calls: SuiteCalls,
) -> None:
    person = f"restricted-{uuid4().hex}"
    about = ("--app", APP, "--subject", person)
    wrong = weir(calls.suite.home.path, "subject", "restrict", *about, "--reason", "a\nb")
    assert wrong.returncode == 1
    assert "reason" in wrong.stderr
    said(calls, "subject", "restrict", *about, "--reason", "an objection is open")
    assert check(calls, person).status == pb.CONSENT_STATUS_UNKNOWN
    receipt = weir(calls.suite.home.path, "consent", "receipt", *about)
    assert receipt.returncode == 1
    assert "no such recording" in receipt.stderr


def test_an_erasure_ends_the_restriction(calls: SuiteCalls) -> None:
    person = f"restricted-{uuid4().hex}"
    calls.record_consent(APP, person, telemetry=True)
    said(calls, "subject", "restrict", "--app", APP, "--subject", person, "--reason", "unlawful")
    [pseudonym] = Erasing(calls, APP).erase(person).subject.split()
    rows = calls.query(
        "SELECT purpose, status FROM privacy.consents WHERE subject_id = %s", f"\x01{pseudonym}"
    )
    # The "no" is kept, and no restriction.
    assert {status for _, status in rows} == {"withdrawn"}
    assert "*" not in {purpose for purpose, _ in rows}
    assert check(calls, person).reason == pb.DECISION_REASON_ANSWER
    calls.record_consent(APP, person, telemetry=True)
    assert check(calls, person).decision == pb.DECISION_ALLOW

"""A person's export, as a user asks for it: with the real services behind the command."""

import csv
import hashlib
import json
import stat
import zipfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.erasing import Erasing, counts
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.weir_command import weir
from weir_client import build_event

pytestmark = pytest.mark.xdist_group("suite")


@pytest.fixture
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def stub_of(calls: SuiteCalls) -> subject_request_service_pb2_grpc.SubjectRequestServiceStub:
    return subject_request_service_pb2_grpc.SubjectRequestServiceStub(calls.channel("privacy"))


def test_a_person_gets_everything_that_is_held_about_them(
    calls: SuiteCalls, tmp_path: Path
) -> None:
    person, other = f"export-{uuid4().hex}", f"other-{uuid4().hex}"
    own, others = ids(3), ids(2)
    for each in (person, other):
        calls.record_consent(APP, each, telemetry=True)
    calls.track(APP, *(mission(each, subject_id=person, session_id="=s") for each in own))
    calls.track(APP, *(mission(each, subject_id=other) for each in others))
    [rejected] = ids(1)
    calls.track(APP, mission(rejected, subject_id=person, properties={"xp_awarded": "many"}))
    output = tmp_path / "person.zip"
    command = ("subject", "export", "--app", APP, "--subject", person)
    found = weir(calls.suite.home.path, *command, "--output", str(output), "--json")
    assert found.returncode == 0, found.stderr
    said = json.loads(found.stdout)
    assert said["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert stat.S_IMODE(output.stat().st_mode) == 0o600

    with zipfile.ZipFile(output) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    rows = {
        Path(name).stem: [json.loads(line) for line in text.splitlines()]
        for name, text in content.items()
        if name.endswith(".jsonl")
    }
    assert {event["event_id"] for event in rows["events"]} == set(own)
    assert [session["events"] for session in rows["sessions"]] == [3]
    assert [letter["event"]["event_id"] for letter in rows["dead_letters"]] == [rejected]
    assert {(each["purpose"], each["status"]) for each in rows["consents"]} >= {
        ("telemetry", "granted")
    }
    # In the day's count of active people, among others.
    assert "activity" in {each["rollup"] for each in rows["counted_in"]}
    assert "consent.recorded" in {entry["action"] for entry in rows["audit_trail"]}
    assert other.encode() not in b"".join(content.values())
    table = list(csv.DictReader(StringIO(content["data/events.csv"].decode(), newline="")))
    assert {line["event_id"] for line in table} == set(own)
    manifest = json.loads(content["manifest.json"])
    for file in manifest["files"]:
        assert hashlib.sha256(content[file["path"]]).hexdigest() == file["sha256"]
    # Asking, the end and each download are on record.
    actions = [
        action
        for (action,) in calls.query(
            "SELECT action FROM privacy.audit_entries WHERE details ->> 'request' = %s"
            " ORDER BY occurred_at",
            said["request_id"],
        )
    ]
    assert actions == ["subject.requested", "subject.exported", "subject.export_downloaded"]


def test_a_download_goes_on_from_any_offset(calls: SuiteCalls, tmp_path: Path) -> None:
    person = f"export-{uuid4().hex}"
    calls.track(APP, *(mission(each, subject_id=person) for each in ids(5)))
    output, request_id = tmp_path / "person.zip", str(uuid4())
    command = ("subject", "export", "--app", APP, "--subject", person, "--request-id", request_id)
    assert weir(calls.suite.home.path, *command, "--output", str(output)).returncode == 0
    whole = output.read_bytes()
    # The journal has the person's id no more, and is asked by it all the same.
    asked = pb.ListRequestsRequest(app_id=APP, subject_id=person)
    [done] = stub_of(calls).ListRequests(asked, metadata=calls.metadata, timeout=30).requests
    assert (done.request_id, done.subject_id) == (request_id, "")

    stub, request = stub_of(calls), pb.DownloadExportRequest(app_id=APP, request_id=request_id)
    for offset in (0, 1, len(whole) - 1, len(whole)):
        request.offset = offset
        parts = list(stub.DownloadExport(request, metadata=calls.metadata, timeout=30))
        assert b"".join(part.chunk for part in parts) == whole[offset:]
    # A download that was cut goes on with what there is.
    cut = tmp_path / "cut.zip"
    cut.with_name("cut.zip.part").write_bytes(whole[:100])
    assert weir(calls.suite.home.path, *command, "--output", str(cut)).returncode == 0
    assert cut.read_bytes() == whole
    # A file that is there is not replaced, and the command asks for nothing.
    again = weir(calls.suite.home.path, *command, "--output", str(cut))
    assert (again.returncode, "exists" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"offset": 1 << 40}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"request_id": "x"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"request_id": str(uuid4())}, grpc.StatusCode.NOT_FOUND),
        # Of another app: as if there were none.
        ({"app_id": "gamelaunch"}, grpc.StatusCode.NOT_FOUND),
    ],
)
def test_what_cannot_be_downloaded_is_refused(
    calls: SuiteCalls, change: dict[str, str | int], code: grpc.StatusCode
) -> None:
    request_id = str(uuid4())
    made = weir(
        calls.suite.home.path,
        *("subject", "export", "--app", APP, "--subject", "export-refused"),
        *("--request-id", request_id, "--wait"),
    )
    assert made.returncode == 0, made.stderr
    given = {"app_id": APP, "request_id": request_id, **change}
    request = pb.DownloadExportRequest(**given)  # type: ignore[arg-type]
    with pytest.raises(grpc.RpcError) as refused:
        list(stub_of(calls).DownloadExport(request, metadata=calls.metadata, timeout=30))
    assert refused.value.code() is code


def test_an_erasure_ends_the_exports_of_the_person(calls: SuiteCalls, tmp_path: Path) -> None:
    person, request_id = f"export-{uuid4().hex}", str(uuid4())
    calls.track(APP, *(mission(each, subject_id=person) for each in ids(2)))
    made = weir(
        calls.suite.home.path,
        *("subject", "export", "--app", APP, "--subject", person),
        *("--request-id", request_id, "--wait"),
    )
    assert made.returncode == 0, made.stderr
    [(key,)] = calls.query(
        "SELECT object_key FROM privacy.exports WHERE request_id = %s", request_id
    )
    file = calls.suite.home.path / "exports" / key
    assert file.is_file()

    found = Erasing(calls, APP).erase(person)
    assert counts(found)["privacy.exports"] == (1, 0, 0)
    assert not file.exists()
    stub = stub_of(calls)
    request = pb.DownloadExportRequest(app_id=APP, request_id=request_id)
    with pytest.raises(grpc.RpcError) as refused:
        list(stub.DownloadExport(request, metadata=calls.metadata, timeout=30))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_sealed_values_are_opened_for_the_person(calls: SuiteCalls, tmp_path: Path) -> None:
    person, canary = f"export-{uuid4().hex}", f"query-{uuid4().hex}"
    [event_id] = ids(1)
    event = build_event(
        "search_performed",
        event_id=event_id,
        subject_id=person,
        properties={"query": canary, "resultCount": 3},
    )
    calls.record_consent("ip_assets", person, analytics=True)
    calls.track("ip_assets", event)
    [(stored,)] = calls.stored("properties -> 'query'", [event_id])
    assert list(stored) == ["$sealed"]
    output = tmp_path / "person.zip"
    command = ("subject", "export", "--app", "ip_assets", "--subject", person)
    found = weir(calls.suite.home.path, *command, "--output", str(output))
    assert found.returncode == 0, found.stderr
    with zipfile.ZipFile(output) as archive:
        [row] = map(json.loads, archive.read("data/events.jsonl").splitlines())
    assert row["properties"] == {"query": canary, "resultCount": 3}

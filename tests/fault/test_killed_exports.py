"""kill -9 of each service while a person's export is under way: it ends as if nothing had happened."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from weir.privacy.v1 import subject_request_service_pb2 as pb
from weir.privacy.v1 import subject_request_service_pb2_grpc

from suite.supervisor import Suite
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.weir_command import weir

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
EVENTS = 500


@pytest.fixture
def calls(fragile_suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(fragile_suite) as opened:
        yield opened


@pytest.mark.parametrize("service", ["privacy", "enrich", "ingest", "aggregate"])
def test_an_export_goes_on_after_a_kill(calls: SuiteCalls, tmp_path: Path, service: str) -> None:
    person, request_id = f"export-{uuid4().hex}", str(uuid4())
    own = ids(EVENTS)
    calls.track(APP, *(mission(each, subject_id=person) for each in own))
    stub = subject_request_service_pb2_grpc.SubjectRequestServiceStub(calls.channel("privacy"))
    request = pb.CreateExportRequest(app_id=APP, subject_id=person, request_id=request_id)
    stub.CreateExport(request, metadata=calls.metadata, timeout=30)
    calls.suite.kill(service)
    calls.suite.restart(service)

    output = tmp_path / "person.zip"
    found = weir(
        calls.suite.home.path,
        *("subject", "export", "--app", APP, "--subject", person),
        *("--request-id", request_id, "--output", str(output)),
    )
    assert found.returncode == 0, found.stderr
    with zipfile.ZipFile(output) as archive:
        assert archive.read("data/events.jsonl").count(b"\n") == EVENTS
    [(files, entries)] = calls.query(
        "SELECT (SELECT count(*) FROM privacy.exports WHERE request_id = %s),"
        " (SELECT count(*) FROM privacy.audit_entries"
        " WHERE action = 'subject.exported' AND details ->> 'request' = %s)",
        *(request_id, request_id),
    )
    assert (files, entries) == (1, 1)

"""How a person's request is printed, and the exit code that goes with it."""

import json

import pytest
import typer
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_request_service_pb2 as pb

from cli.commands.subject_requests import show, show_all

_WAITING = pb.SubjectRequest(
    request_id="019abcde-0000-7000-8000-000000000001",
    kind=pb.SUBJECT_REQUEST_KIND_ERASURE,
    state=pb.SUBJECT_REQUEST_STATE_WAITING,
    subject="p1",
    requester="local",
    # 2026-11-23 10:00 and 30 days later, UTC.
    created_at=Timestamp(seconds=1_795_428_000),
    due_at=Timestamp(seconds=1_798_020_000),
)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_request_that_failed_ends_with_its_reason(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    request = pb.SubjectRequest(
        request_id="r1", state=pb.SUBJECT_REQUEST_STATE_FAILED, failure="no such event is stored"
    )
    with pytest.raises(typer.Exit) as ended:
        show(request, as_json=as_json)
    printed = capsys.readouterr()
    assert ended.value.exit_code == 1
    assert "no such event is stored" in printed.err
    if as_json:
        assert json.loads(printed.out)["state"] == "failed"
    else:
        assert printed.out == "request r1: failed\n"


def test_a_request_that_was_cancelled_is_shown_without_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(
        pb.SubjectRequest(request_id="r1", state=pb.SUBJECT_REQUEST_STATE_CANCELLED), as_json=False
    )
    assert capsys.readouterr().out == "request r1: cancelled\n"


def test_a_narrow_terminal_shows_what_cancel_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_all([_WAITING], as_json=False, as_csv=False)
    printed = capsys.readouterr()
    row = [cell.strip() for cell in printed.out.splitlines()[3].strip("│").split("│")]
    assert row[:2] == ["019abcde-0000-7000-8000-000000000001", "erasure"]
    assert printed.err == "3 columns do not fit: made, about, by; --json and --csv have all\n"


def test_json_and_csv_have_all(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([_WAITING], as_json=False, as_csv=True)
    assert capsys.readouterr().out == (
        "request_id,kind,state,created_at,due_at,subject,requester\n"
        "019abcde-0000-7000-8000-000000000001,erasure,waiting,2026-11-23T10:00:00+00:00,"
        "2026-12-23T10:00:00+00:00,p1,local\n"
    )
    show_all([_WAITING], as_json=True, as_csv=False)
    [found] = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["created_at"]) == ("erasure", "2026-11-23T10:00:00Z")

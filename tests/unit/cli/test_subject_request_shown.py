"""How a person's request is printed, and the exit code that goes with it."""

import json

import pytest
import typer
from weir.privacy.v1 import subject_request_service_pb2 as pb

from cli.commands.subject_erase import show


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

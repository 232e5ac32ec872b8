"""Which event of a frame got which verdict."""

from google.rpc import code_pb2, error_details_pb2, status_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from weir_client import FinalVerdict, build_event, describe_status, final_verdicts

EVENTS = [build_event("view", event_id=name) for name in ("a", "b", "c", "d")]


def _status(code: int, reason: str) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message="why")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="weir"))
    return status


def test_an_event_without_a_result_is_accepted_and_one_to_retry_is_left_out() -> None:
    wrong = _status(code_pb2.INVALID_ARGUMENT, "EVENT_UNKNOWN")
    ack = pb.FrameAck(counts=pb.VerdictCounts(accepted=1, duplicate=1, rejected=1, retry=1))
    ack.results.add(index=1, verdict=pb.VERDICT_RETRY, status=_status(14, "STORE_UNAVAILABLE"))
    ack.results.add(index=2, verdict=pb.VERDICT_REJECTED, status=wrong)
    ack.results.add(index=3, verdict=pb.VERDICT_DUPLICATE)
    assert final_verdicts(EVENTS, ack) == [
        FinalVerdict(EVENTS[0], pb.VERDICT_ACCEPTED, None),
        FinalVerdict(EVENTS[2], pb.VERDICT_REJECTED, describe_status(wrong)),
        FinalVerdict(EVENTS[3], pb.VERDICT_DUPLICATE, None),
    ]
    assert final_verdicts(EVENTS, ack)[1].problem.reason == "EVENT_UNKNOWN"  # type: ignore[union-attr]


def test_of_a_frame_that_is_refused_as_a_whole_no_event_is_taken() -> None:
    status = _status(code_pb2.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
    found = final_verdicts(EVENTS, pb.FrameAck(sequence=3, status=status))
    assert [(one.event.event_id, one.verdict) for one in found] == [
        (name, pb.VERDICT_UNSPECIFIED) for name in ("a", "b", "c", "d")
    ]
    assert {one.problem for one in found} == {describe_status(status)}


def test_a_frame_that_is_not_taken_now_has_no_final_verdict() -> None:
    ack = pb.FrameAck(
        counts=pb.VerdictCounts(retry=4), status=_status(code_pb2.UNAVAILABLE, "STORE_UNAVAILABLE")
    )
    for index in range(4):
        ack.results.add(index=index, verdict=pb.VERDICT_RETRY)
    assert final_verdicts(EVENTS, ack) == []


def test_the_ack_of_an_empty_frame_has_no_verdict() -> None:
    assert final_verdicts([], pb.FrameAck(sequence=1)) == []

"""What the answer to a frame says of each of its events."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from weir_client.errors import CallProblem, describe_status


@dataclass(frozen=True, slots=True)
class FinalVerdict:
    """What became of an event. `verdict` is a `weir.ingest.v1.Verdict` and never RETRY; UNSPECIFIED means
    that the frame was refused as a whole. `problem` is the reason, for these events and for REJECTED and
    DROPPED, else None."""

    event: event_pb2.Event
    verdict: int
    problem: CallProblem | None


def final_verdicts(events: Sequence[event_pb2.Event], ack: pb.FrameAck) -> list[FinalVerdict]:
    """The verdicts in the answer to a frame of these events, in the order of the frame; for `on_ack`.

    Events that the sender will send again (RETRY) are left out: their verdict is in a later answer. An ack
    has results only for events that were not plainly accepted.
    """
    results = {result.index: result for result in ack.results}
    refused = describe_status(ack.status) if ack.HasField("status") else None
    found = []
    for index, event in enumerate(events):
        result = results.get(index)
        if result is not None:
            if result.verdict != pb.VERDICT_RETRY:
                problem = describe_status(result.status) if result.HasField("status") else None
                found.append(FinalVerdict(event, result.verdict, problem))
        elif refused is not None:
            found.append(FinalVerdict(event, pb.VERDICT_UNSPECIFIED, refused))
        else:
            found.append(FinalVerdict(event, pb.VERDICT_ACCEPTED, None))
    return found

"""Protos and domain, both ways."""

from collections.abc import Sequence
from typing import Any

from google.rpc import status_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.streams.v1 import batch_pb2

from libs.catalog.texts import MAX_TEXT_LENGTH
from libs.common.errors import FailedPrecondition, InvalidArgument, Unavailable
from libs.rpc.status import duration, rpc_status
from services.ingest.intake.model import DeadLetter, DropReason, Outcome, Rejection, Verdict

_DROPPED = {
    reason: rpc_status(FailedPrecondition(reason.value, reason="CONSENT_DENIED"))
    for reason in DropReason
}
_RETRY = rpc_status(Unavailable("not taken this time", reason="BACKLOG_FULL"))
# The verdicts that a producer need not hear about one by one.
PLAIN = Verdict.ACCEPTED


class ProtoCodec:
    """Implements `ports.BatchCodec`."""

    def batch(
        self,
        app_id: str,
        batch_id: bytes,
        received_at_us: int,
        container: Any,
        positions: Sequence[int],
        *,
        alone: bool,
    ) -> bytes:
        """See `ports.BatchCodec`. The events are field 2 of every container and of EventBatch, and
        messages merge by concatenation, so a container whose other fields are cleared *is* the body
        of an EventBatch: nothing is copied. The header stands last, where it wins over unknown fields
        that a producer put beside the events; the pipeline has discarded those already."""
        if not positions:
            return b""
        header = batch_pb2.EventBatch(
            app_id=app_id, batch_id=batch_id, received_at_us=received_at_us
        ).SerializeToString()
        if not alone:
            events = container.events
            body = pb.EventFrame(events=[events[position] for position in positions])
            return bytes(body.SerializeToString() + header)
        if len(positions) < len(container.events):
            kept = frozenset(positions)
            for index in range(len(container.events) - 1, -1, -1):
                if index not in kept:
                    del container.events[index]
        for field, _ in container.ListFields():
            if field.number != pb.EventFrame.EVENTS_FIELD_NUMBER:
                container.ClearField(field.name)
        return bytes(container.SerializeToString() + header)

    def dead_letters(self, letters: Sequence[DeadLetter]) -> bytes:
        """See `ports.BatchCodec`."""
        batch = batch_pb2.DeadLetterBatch(
            dead_letters=[
                batch_pb2.DeadLetter(
                    dead_letter_id=letter.dead_letter_id,
                    app_id=letter.app_id,
                    stage="ingest",
                    received_at_us=letter.received_at_us,
                    reason=letter.rejection.reason,
                    field=letter.rejection.field,
                    message=letter.rejection.message,
                    event=letter.event,
                )
                for letter in letters
            ]
        )
        return bytes(batch.SerializeToString())


def verdict_counts(outcome: Outcome) -> pb.VerdictCounts:
    """How many events got each verdict."""
    counts = pb.VerdictCounts()
    for verdict in set(outcome.verdicts):
        setattr(counts, verdict.name.lower(), outcome.verdicts.count(verdict))
    return counts


def results(outcome: Outcome, events: Sequence[Any]) -> list[pb.EventResult]:
    """One result for each event that was not plainly accepted. An id that is refused because it is too long
    is cut: answers have to fit into a client's own limit of 4 MiB, or its stream ends."""
    return [
        pb.EventResult(
            index=index,
            event_id=outcome.sent_ids.get(index, events[index].event_id)[:MAX_TEXT_LENGTH],
            verdict=verdict_number(verdict),
            status=event_status(outcome, index),
            dead_letter_id=dead_letter_id(outcome, index),
        )
        for index, verdict in enumerate(outcome.verdicts)
        if verdict is not PLAIN
    ]


def verdict_number(verdict: Verdict) -> Any:
    """The proto enum's value: the numbers are the same, which `tests/unit/ingest` checks."""
    return int(verdict)


def event_status(outcome: Outcome, index: int) -> status_pb2.Status | None:
    """Why the event was not taken; None where it was, and where its verdict says it all."""
    if letter := outcome.rejections.get(index):
        return rejection_status(letter.rejection)
    if outcome.verdicts[index] is Verdict.DROPPED:
        return _DROPPED[outcome.drop_reasons[index]]
    return _RETRY if outcome.verdicts[index] is Verdict.RETRY else None


def rejection_status(rejection: Rejection) -> status_pb2.Status:
    """A rejection as ErrorInfo and BadRequest."""
    return rpc_status(
        InvalidArgument(rejection.message, reason=rejection.reason, field=rejection.field)
    )


def dead_letter_id(outcome: Outcome, index: int) -> str:
    """Where a refused event is kept, as UUID text; empty where it is not."""
    letter = outcome.rejections.get(index)
    if letter is None:
        return ""
    text = letter.dead_letter_id.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def frame_ack(sequence: int, outcome: Outcome, events: Sequence[Any]) -> pb.FrameAck:
    """The answer to a frame that was taken; every ack gives one credit back."""
    retry = outcome.retry_after_seconds
    return pb.FrameAck(
        sequence=sequence,
        counts=verdict_counts(outcome),
        results=results(outcome, events),
        credits=1,
        retry_after=duration(retry) if retry else None,
    )

"""Converts between messages and domain values."""

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from google.rpc import status_pb2
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.streams.v1 import batch_pb2

from libs.catalog.texts import MAX_TEXT_LENGTH
from libs.common.errors import FailedPrecondition, InvalidArgument, Unavailable
from libs.rpc.status import duration, rpc_status
from services.ingest.intake.model import (
    Append,
    DeadLetter,
    DropReason,
    Outcome,
    Rejection,
    Verdict,
)

_DROPPED = {
    reason: rpc_status(FailedPrecondition(reason.value, reason="CONSENT_DENIED"))
    for reason in DropReason
}
_RETRY = rpc_status(Unavailable("not taken this time", reason="BACKLOG_FULL"))
# The verdict that is counted only, and has no result of its own.
PLAIN = Verdict.ACCEPTED
# The wire type of messages, texts and bytes.
_LENGTH_DELIMITED = 2


def events_of(
    request: pb.EventFrame | pb.TrackBatchRequest | pb.TrackEventRequest,
) -> list[Event]:
    """The request's events. Fields that our schema does not know are discarded from the request: they may
    hold anything, and would be stored with the events."""
    request.DiscardUnknownFields()
    if isinstance(request, pb.TrackEventRequest):
        return [request.event]
    return list(request.events)


def event_batch(append: Append) -> bytes:
    """A serialized EventBatch of the events; empty if there are none.

    Repeated fields are encoded one after the other, each with its tag and length, and messages merge by
    concatenation (https://protobuf.dev/programming-guides/encoding/). So the events are serialized where
    they are: to copy them into an EventBatch takes twice as long.
    """
    if not append.events:
        return b""
    bodies = [*map(Event.SerializeToString, append.events)]
    fields = [b""] * (2 * len(bodies))
    fields[::2] = map(_event_header, map(len, bodies))
    fields[1::2] = bodies
    header = batch_pb2.EventBatch(
        app_id=append.app_id, batch_id=append.batch_id, received_at_us=append.received_at_us
    )
    return b"".join((*fields, header.SerializeToString()))


@lru_cache(maxsize=4096)
def _event_header(size: int) -> bytes:
    """Tag and length of an event of `size` bytes in `EventBatch.events`."""
    encoded = bytearray((batch_pb2.EventBatch.EVENTS_FIELD_NUMBER << 3 | _LENGTH_DELIMITED,))
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded)


def dead_letter_batch(letters: Sequence[DeadLetter]) -> bytes:
    """A serialized DeadLetterBatch; empty if there are no dead letters."""
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
                content=letter.content,
            )
            for letter in letters
        ]
    )
    return batch.SerializeToString()


def verdict_counts(outcome: Outcome) -> pb.VerdictCounts:
    """How many events got each verdict."""
    counts = pb.VerdictCounts()
    for verdict in set(outcome.verdicts):
        setattr(counts, verdict.name.lower(), outcome.verdicts.count(verdict))
    return counts


def results(outcome: Outcome, events: Sequence[Event]) -> list[pb.EventResult]:
    """One result for each event that was not plainly accepted. An id that is rejected because it is too
    long is cut: answers have to fit into a client's own limit of 4 MiB, or its stream ends."""
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


def verdict_number(verdict: Verdict) -> pb.Verdict:
    """The proto enum's value: the numbers are the same, which `tests/unit/ingest` checks."""
    return cast(pb.Verdict, int(verdict))


def event_status(outcome: Outcome, index: int) -> status_pb2.Status | None:
    """Why the event was not accepted; None if it was, and for verdicts that need no reason."""
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
    """The id of a rejected event's dead letter, as UUID text; empty if it has none."""
    letter = outcome.rejections.get(index)
    if letter is None:
        return ""
    text = letter.dead_letter_id.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def frame_ack(sequence: int, outcome: Outcome, events: Sequence[Event]) -> pb.FrameAck:
    """The answer to a frame that was taken; every ack gives one credit back."""
    retry = outcome.retry_after_seconds
    return pb.FrameAck(
        sequence=sequence,
        counts=verdict_counts(outcome),
        results=results(outcome, events),
        credits=1,
        retry_after=duration(retry) if retry else None,
    )

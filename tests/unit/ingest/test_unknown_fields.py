"""What a producer sends beyond our schema reaches neither the stream nor the dead letters."""

import pytest
from weir.ingest.v1 import ingest_service_pb2 as pb

from services.ingest.intake.convert import events_of
from tests.support.events import event_of
from tests.support.ingest_pipeline import Ingest, serialized

# Field 1000, a text: tag (1000 << 3 | 2) as a varint, length, content.
UNKNOWN = b"\xc2\x3e\x06canary"


def _with_unknown(event_id: str, **fields: str) -> bytes:
    """An event with an unknown field of its own, and one in its context."""
    event = event_of(event_id, subject_id=f"s-{event_id}", **fields)
    context = b"\x62" + bytes([len(UNKNOWN)]) + UNKNOWN  # field 12 of Event
    return event.SerializeToString() + context + UNKNOWN


def test_unknown_fields_are_discarded_from_every_kind_of_request() -> None:
    """Event is field 2 of TrackEventRequest, and the events are field 2 of the others."""
    event = _with_unknown("a")
    data = b"\x12" + bytes([len(event)]) + event + UNKNOWN
    for kind in (pb.EventFrame, pb.TrackBatchRequest, pb.TrackEventRequest):
        request = kind.FromString(data)
        assert request.SerializeToString().count(b"canary") == 3
        [found] = events_of(request)
        assert found.event_id == "a"
        assert b"canary" not in request.SerializeToString() + found.SerializeToString()


@pytest.mark.parametrize("shards", [1, 4])
async def test_unknown_fields_are_kept_nowhere(shards: int) -> None:
    ingest = Ingest(shards=shards)
    events = [
        _with_unknown("a"),
        _with_unknown("b"),
        _with_unknown("c"),
        _with_unknown("bad", name="?"),
    ]
    # Field 2 of EventFrame are its events.
    frame = b"".join(b"\x12" + bytes([len(event)]) + event for event in events) + UNKNOWN
    assert frame.count(b"canary") == 9
    await ingest.take_frame(pb.EventFrame.FromString(frame))
    assert len(ingest.stored()) == 3
    assert len(ingest.letters()) == 1
    for _, append in ingest.stream.appends:
        assert b"canary" not in serialized(append)

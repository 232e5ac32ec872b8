"""What an erasure leaves of dead letters in quarantine."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.common.subject_data import Erasure, SubjectRef
from libs.streams.entries import dead_letter_batch
from services.ingest.erasure.convert import letters_without

ANN = SubjectRef("arena", "ann", ("ab" * 16,))
ERASURE = Erasure(ANN, UUID(int=1), datetime(2026, 11, 20, tzinfo=UTC), withheld={"kept": "a law"})
RECEIVED_US = 1_795_000_000_000_000
OCCURRED = Timestamp(seconds=RECEIVED_US // 1_000_000)
LATER = Timestamp(seconds=2 * OCCURRED.seconds)


def letter(
    event_id: str, app_id: str = "arena", received_at_us: int = RECEIVED_US, **fields: Any
) -> batch_pb2.DeadLetter:
    event = Event(event_id=event_id, **{"name": "played", **fields})
    return batch_pb2.DeadLetter(app_id=app_id, received_at_us=received_at_us, event=event)


def test_letters_that_name_the_person_go_and_others_stay() -> None:
    letters = [
        letter("own", subject_id="ann"),
        letter("of another", subject_id="bob"),
        letter("of another app", "chess", subject_id="ann"),
        letter("under the pseudonym", anonymous_id="ab" * 16),
        letter("kept by a law", subject_id="ann", name="kept"),
        letter("late", received_at_us=2 * RECEIVED_US, subject_id="ann", occurred_at=OCCURRED),
        letter("later", received_at_us=2 * RECEIVED_US, subject_id="ann", occurred_at=LATER),
        # The sender's clock is ahead.
        letter("ahead", subject_id="ann", occurred_at=LATER),
        letter("names her", subject_id="bob", context={"teacher_id": "ann"}),
    ]
    batch = batch_pb2.DeadLetterBatch(dead_letters=letters)
    fields = {b"batch": batch.SerializeToString(), b"entry": b"1-0"}
    left = letters_without(fields, ERASURE, None)
    assert left is not None
    assert (left.erased, left.anonymized) == (5, 0)
    assert left.fields is not None
    assert left.fields[b"entry"] == b"1-0"
    found = [each.event.event_id for each in dead_letter_batch(left.fields).dead_letters]
    assert found == ["of another", "of another app", "kept by a law", "later"]
    # What stays for a law is named, with the reason.
    assert left.withheld == {"a law": 1}
    again = letters_without(left.fields, ERASURE, None)
    assert again is not None
    assert (again.is_changed, again.withheld) == (False, {"a law": 1})
    others = batch_pb2.DeadLetterBatch(dead_letters=letters[1:3])
    assert letters_without({b"batch": others.SerializeToString()}, ERASURE, None) is None

"""The values that the steps of the pipeline hand to each other."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import TracebackType
from typing import Any, NamedTuple

from weir.common.v1 import event_pb2
from weir.common.v1.event_pb2 import Event

from libs.catalog import EventType, EventVersion
from services.ingest.dead_letters.content import LetterContent

Properties = dict[str, Any]


class Verdict(IntEnum):
    """The result for one event; the numbers are those of `weir.ingest.v1.Verdict`."""

    ACCEPTED = 1
    ANONYMIZED = 2
    DUPLICATE = 3
    REJECTED = 4
    DROPPED = 5
    SAMPLED = 6
    RETRY = 7


class DropReason(StrEnum):
    """Why an event was dropped."""

    DENIED = "the person has not consented to the event's purpose"
    SUBJECTLESS = "the event names no person who could have consented to its purpose"
    RESTRICTED = "the processing of the person's data is restricted"
    SENDER = "the sender says that the person has not given consent"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an event was rejected: a reason of `weir.common.v1.ErrorReason`, the field at fault (empty if
    none is), and what is wrong with it, without the value itself, which may be personal."""

    reason: str
    field: str
    message: str
    # The event is larger, or names more people, than is searched for people.
    too_large: bool = dataclasses.field(default=False, compare=False)


class Candidate(NamedTuple):
    """An event that may enter, with what was read from it: 500 events later a message is no longer in the
    processor's cache, and steps that need not touch it again are faster. `position` is the event's place in
    its frame."""

    position: int
    event: Event
    # Replaced if the event's is.
    event_id: str
    event_type: EventType
    version: EventVersion
    properties: Properties
    # The same as JSON; replaced if the event's are.
    properties_json: bytes
    # Of the envelope or, if that names no person, of the properties.
    subject_id: str
    # Of the envelope, as they were sent.
    session_id: str
    group_id: str
    anonymous_id: str
    idempotency_key: str
    schema_version: str
    producer: event_pb2.Producer
    privacy_level: event_pb2.PrivacyLevel


class Identity(NamedTuple):
    """What makes an event the same as another, and the shard that it goes to."""

    # Its place in its frame.
    position: int
    event: Event
    # 16 bytes.
    event_uuid: bytes
    # 4 bytes that differ between two payloads under one id; good enough to count conflicts by.
    fingerprint: bytes
    # 16 bytes; zeros without a key.
    idempotency_uuid: bytes
    shard: int


class RejectedEvent(NamedTuple):
    """An event that may not enter, and why; `position` is its place in its frame."""

    position: int
    event: Event
    rejection: Rejection


@dataclass(slots=True)
class Screening:
    """The events of a frame that go on from screening: to be stored, or to become dead letters."""

    passed: list[Candidate] = field(default_factory=list)
    rejected: list[RejectedEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Append:
    """One batch: the events of its frames that go to one shard, with their identities, and the dead letters
    that are appended together with them."""

    app_id: str
    batch_id: bytes
    received_at_us: int
    events: Sequence[Event]
    # 16 bytes an event, in the order of the events; likewise 4 bytes of fingerprint.
    event_uuids: bytes
    fingerprints: bytes
    # 16 bytes an event, zeros for those without a key; empty if no event has one.
    idempotency_uuids: bytes
    dead_letters: Sequence["DeadLetter"]
    traceparent: str
    dedupe_window_seconds: int
    # Noted with the ids of counts-only events, 16 bytes that begin like a UUIDv7; empty: the batch id is, of
    # all others.
    mark: bytes = b""
    # Of counts-only events: `received_at_us` is the beginning of the day, and windows are whole days.
    day_only: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """The answer of the append script: the places in `Append.events` of those whose ids were seen before, and
    of those among them that came with a different payload."""

    duplicates: frozenset[int]
    conflicts: frozenset[int] = frozenset()


class Backlog(NamedTuple):
    """A shard's raw stream, with acknowledged entries until they are trimmed, and its dead letters:
    `entries` of the former, `size_bytes` of both in Redis."""

    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected event on its way to Postgres; `position` is its place in its frame."""

    position: int
    dead_letter_id: bytes
    app_id: str
    received_at_us: int
    rejection: Rejection
    event: Event
    content: LetterContent = LetterContent.WHOLE


@dataclass(slots=True)
class Outcome:
    """The verdict of each event of a frame, in its order, and why some were rejected."""

    verdicts: list[Verdict]
    rejections: dict[int, DeadLetter] = field(default_factory=dict)
    drop_reasons: dict[int, DropReason] = field(default_factory=dict)
    # The sender's own event ids, by position, of events that were given another one.
    sent_ids: dict[int, str] = field(default_factory=dict)
    # How much is kept of rejected events, by position.
    letter_contents: dict[int, LetterContent] = field(default_factory=dict)
    # Resent ids whose payload differs from the one that was taken.
    conflicts: int = 0
    # How long to wait before sending the RETRY events again.
    retry_after_seconds: float = 0.0

    def set_retry(self, after_seconds: float) -> None:
        """Gives every event the verdict RETRY: nothing was taken."""
        self.verdicts = [Verdict.RETRY] * len(self.verdicts)
        self.retry_after_seconds = after_seconds

    def drop(self, position: int, reason: DropReason) -> None:
        """Gives an event the verdict DROPPED."""
        self.verdicts[position] = Verdict.DROPPED
        self.drop_reasons[position] = reason


class Frame:
    """What a producer sends at once, by a call or as a message of a stream, on its way through the steps.

    `outcome` holds if there is no `error`, which refuses the frame as a whole.
    """

    __slots__ = (
        "admitted",
        "dead_letters",
        "error",
        "events",
        "identities",
        "outcome",
        "received_at_us",
        "screening",
        "size_bytes",
        "sizes",
        "traceparent",
    )

    def __init__(
        self, events: Sequence[Event], traceparent: str = "", received_at_us: int | None = None
    ) -> None:
        self.events = events
        # When they were received, if not just now: their times must have been right then.
        self.received_at_us = received_at_us
        # Of the producer's span; empty if it has none.
        self.traceparent = traceparent
        # As they were sent: what is stored differs by a few bytes an event.
        self.sizes = [*map(Event.ByteSize, events)]
        self.size_bytes = sum(self.sizes)
        self.outcome = Outcome([Verdict.ACCEPTED] * len(events))
        self.error: Exception | None = None
        self.screening = Screening()
        # What consent has let through, and the same as it is appended.
        self.admitted: list[Candidate] = []
        self.identities: list[Identity] = []
        self.dead_letters: list[DeadLetter] = []

    def failing_alone(self) -> "_FailingAlone":
        """A context manager: an error in the block is this frame's, and the others of its batch go on."""
        return _FailingAlone(self)


class _FailingAlone:
    # A class, because each frame of one event has four of these, and a generator costs three times as much.
    __slots__ = ("_frame",)

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._frame.error = error
        return True

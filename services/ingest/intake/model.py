"""The values that the steps of the pipeline hand to each other."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

from weir.common.v1 import event_pb2
from weir.common.v1.event_pb2 import Event

from libs.catalog import EventType, EventVersion

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
    the batch, `size_bytes` its size as it was sent."""

    position: int
    event: Event
    size_bytes: int
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


class RejectedEvent(NamedTuple):
    """An event that may not enter, and why; `position` is its place in the batch."""

    position: int
    event: Event
    rejection: Rejection


@dataclass(slots=True)
class Screening:
    """What screening found: each event of the batch is in one of the four. `sampled` and `withheld` are
    positions; for withheld events their sender says that there is no consent."""

    passed: list[Candidate] = field(default_factory=list)
    rejected: list[RejectedEvent] = field(default_factory=list)
    sampled: list[int] = field(default_factory=list)
    withheld: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Append:
    """One shard's part of a batch: its events with their identities, and the dead letters that are
    appended together with them."""

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


@dataclass(frozen=True, slots=True)
class Appended:
    """The answer of the append script: the positions of events whose ids were seen before, and how many of
    those came with a different payload."""

    duplicates: frozenset[int]
    conflicts: int


class Backlog(NamedTuple):
    """A shard's raw stream, with acknowledged entries until they are trimmed, and its dead letters:
    `entries` of the former, `size_bytes` of both in Redis."""

    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected event on its way to Postgres; `position` is its place in the batch."""

    position: int
    dead_letter_id: bytes
    app_id: str
    received_at_us: int
    rejection: Rejection
    event: Event


@dataclass(slots=True)
class Outcome:
    """The verdict of each event of a batch, in its order, and why some were rejected."""

    verdicts: list[Verdict]
    rejections: dict[int, DeadLetter] = field(default_factory=dict)
    drop_reasons: dict[int, DropReason] = field(default_factory=dict)
    # The sender's own event ids, by position, of events that were given another one.
    sent_ids: dict[int, str] = field(default_factory=dict)
    # Resent ids whose payload differs from the one that was taken.
    conflicts: int = 0
    # How long to wait before sending the RETRY events again.
    retry_after_seconds: float = 0.0

    def drop(self, position: int, reason: DropReason) -> None:
        """Gives an event the verdict DROPPED."""
        self.verdicts[position] = Verdict.DROPPED
        self.drop_reasons[position] = reason

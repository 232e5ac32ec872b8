"""A replay of dead letters, and what becomes of each letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from weir.common.v1.event_pb2 import Event

from services.ingest.dead_letters.content import LetterContent
from services.ingest.dead_letters.selection import LetterSelection


class Fate(StrEnum):
    """What became of a letter; the names are those of the fields of `ReplayedReason`."""

    ACCEPTED = "accepted"
    ANONYMIZED = "anonymized"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    SAMPLED = "sampled"
    REJECTED = "rejected"
    NOT_REPLAYABLE = "not_replayable"
    ERASED = "erased"
    FAILED = "failed"


# Of these there is no letter any more. That of an erased person is for the erasure to remove, or to keep if a
# law does.
ENDED = frozenset({Fate.ACCEPTED, Fate.ANONYMIZED, Fate.DUPLICATE, Fate.DROPPED, Fate.SAMPLED})


class ReplayState(StrEnum):
    """How a replay stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is asked for. `max_rejected_share` from above 0 to 1."""

    request_id: UUID
    selection: LetterSelection
    dry_run: bool
    events_per_second: int
    max_rejected_share: float


# By the reason that the letters had, how many had which fate.
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay, and how far it is."""

    request: ReplayRequest
    requested_by: str
    requested_at: datetime
    state: ReplayState = ReplayState.RUNNING
    stopped_because: str = ""
    finished_at: datetime | None = None
    # When the last letter that was looked at was received, and its id.
    position: tuple[datetime, UUID] | None = None
    counts: Counts = field(default_factory=dict)
    # Of those that were rejected again, how many have which reason now.
    rejected_now: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that is to be replayed."""

    dead_letter_id: UUID
    received_at: datetime
    # `ingest` or `enrich`.
    stage: str
    reason: str
    content: str
    event: Event


@dataclass(frozen=True, slots=True)
class NewReason:
    """What the letter of an event says that was rejected again; the event as the letter may hold it now."""

    reason: str
    field: str
    message: str
    content: LetterContent
    event: Event


@dataclass(frozen=True, slots=True)
class Replayed:
    """A letter and its fate; `rejection` only if that is REJECTED."""

    letter: Letter
    fate: Fate
    rejection: NewReason | None = None


def counted(
    replay: Replay, found: Sequence[Replayed]
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """The replay's `counts` and `rejected_now` together with these."""
    counts = {reason: dict(fates) for reason, fates in replay.counts.items()}
    rejected_now = dict(replay.rejected_now)
    for each in found:
        fates = counts.setdefault(each.letter.reason, {})
        fates[each.fate] = fates.get(each.fate, 0) + 1
        if each.rejection is not None:
            reason = each.rejection.reason
            rejected_now[reason] = rejected_now.get(reason, 0) + 1
    return counts, rejected_now

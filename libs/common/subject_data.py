"""What a service does with all that it holds about one person: erase it, hand it out, keep it away."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SubjectRef:
    """A person: in the app's own ids, and by the pseudonyms of all epochs, the current one first."""

    app_id: str
    subject_id: str
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """What was done in one store: rows that are gone, that stayed without the person, and that stayed."""

    store: str
    erased: int = 0
    anonymized: int = 0
    withheld: int = 0
    withheld_because: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased for one request. Nothing that occurred after `fenced_at` is. `names` are the names
    of events, None for everything; `withheld` says of names of events that stay why they do."""

    subject: SubjectRef
    request_id: UUID
    fenced_at: datetime
    names: tuple[str, ...] | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an erasure has come in a service: whether all is done, and what all of it has done so far."""

    done: bool
    stores: Sequence[StoreCounts]


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One thing that is held about a person: where, what it is, and a JSON object."""

    store: str
    kind: str
    json: str


class SubjectData(Protocol):
    """One service's own stores. All of it may be repeated; stores that are away raise their own errors."""

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """From the return on, nothing of the person is stored that occurred at or before `fenced_at`. The
        moment from which that holds, by the clock of the store that the events wait in."""
        ...

    async def erase(self, erasure: Erasure) -> Progress:
        """Does a bounded part of the work."""
        ...

    def export(
        self, subject: SubjectRef, names: tuple[str, ...] | None
    ) -> AsyncIterator[Sequence[SubjectRow]]:
        """What is held, some rows at a time, from one snapshot of each store."""
        ...

    async def settled(self, received_before: datetime) -> bool:
        """Whether everything that the suite received before the moment is stored, or counted, here."""
        ...

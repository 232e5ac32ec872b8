"""What a service does with all that it holds about one person: erase it, hand it out, keep it away."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
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

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids under which anything is held."""
        return (self.subject_id, *self.persons)


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
    of events, None for everything; `withheld` says of names of events that stay why they do. If it
    `anonymizes_events`, and all are asked for, the person's stored events stay, without the person."""

    subject: SubjectRef
    request_id: UUID
    fenced_at: datetime
    names: tuple[str, ...] | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    # Events that other services have erased or changed: days, as `2026-11-22`, by name.
    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    anonymizes_events: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an erasure has come in a service: whether all is done, and what all of it has done so far."""

    done: bool
    stores: Sequence[StoreCounts]
    changed: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Some of what one store holds about a person, of one kind, such as `events`: JSON objects in UTF-8,
    without line breaks. The rows of a kind may come in any number of parts."""

    store: str
    kind: str
    lines: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be handed out: what was received, or recorded, before `received_before`. With `names` only
    events of these names, and nothing else."""

    subject: SubjectRef
    received_before: datetime
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key of a person who was erased, that stays for events which a law keeps: with the pseudonym of the
    person as these have it. It seals nothing that was received after `kept_since`, when the erasure ended."""

    key_id: UUID
    person: UUID
    kept_since: datetime


class SealedValues(Protocol):
    """The sealed values that a service has."""

    async def still_needed(self, app_id: str, keys: Sequence[KeptKey]) -> Collection[UUID]:
        """Those of these keys, by their ids, that open a value which is still there, or may be."""
        ...


class SubjectData(Protocol):
    """One service's own stores. All of it may be repeated; stores that are away raise their own errors."""

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """From the return on, nothing of the person is stored that occurred at or before `fenced_at`: what
        was appended to the streams after the returned moment, by the clock of Redis, comes to the fence."""
        ...

    async def erase(self, erasure: Erasure) -> Progress:
        """Does a bounded part of the work."""
        ...

    def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """What is held, some rows at a time, from one snapshot of each store."""
        ...

    async def settled(self, appended_before: datetime) -> bool:
        """Whether everything that was in the streams before the moment is where this service puts it."""
        ...

"""Who is there now: what is kept of it, and what keeps it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.aggregate.gauges.plan import GaugePlan, GroupKey
from services.aggregate.gauges.signs import GaugeSigns


@dataclass(frozen=True, slots=True)
class Presence:
    """How many are there: in all, in groups that are not counted apart, and in each group that has any. One
    that is in several groups counts once in `count`, and once in each of them."""

    count: int
    other: int
    groups: Mapping[GroupKey, int]


# A gauge, and the only group that is wanted of it; None for all.
Wanted = tuple[GaugePlan, GroupKey | None]


class PresenceNotes(Protocol):
    """Where it is noted who was seen to be there, and to leave."""

    async def note(self, signs: Sequence[GaugeSigns]) -> None:
        """Takes signs, of any apps, in any order, and again: only the latest of each counts. They are part of
        what is read from then on."""
        ...


class PresenceReader(Protocol):
    """Reads who is there."""

    async def read(self, app_id: str, wanted: Sequence[Wanted]) -> Sequence[Presence | None]:
        """How many are there now, all at one moment. None for an incomplete gauge, because it was
        declared just now, or because what was noted is lost."""
        ...


class Rebuild(Protocol):
    """One process's work at an incomplete gauge."""

    async def go_on(self) -> bool:
        """Keeps other processes from it for some time. False if what was noted meanwhile is lost again."""
        ...

    async def finish(self) -> bool:
        """Lets the gauge be read; False as for `go_on`."""
        ...


class PresenceRebuilds(Protocol):
    """Which gauges are incomplete."""

    async def renew(self, plans: Sequence[GaugePlan]) -> None:
        """Lets those be read on that may be read, of any apps, for some seconds. A gauge for which no process
        does this, because no catalog declares it any more, is incomplete from then on."""
        ...

    async def take_up(self, plans: Sequence[GaugePlan]) -> None:
        """Says that this process notes for these gauges from now on. Until then it, or the one that it
        replaces, may have counted by another catalog, as others still may for some minutes: after these the
        gauges are incomplete once more, though they can be read meanwhile."""
        ...

    async def lacking(self, plans: Sequence[GaugePlan]) -> Sequence[GaugePlan]:
        """Those that do, of any apps; also those that some may be missing from since they were taken up."""
        ...

    async def begin(self, plan: GaugePlan) -> Rebuild | None:
        """Takes on a gauge; None while another process is at it."""
        ...


class StoredSigns(Protocol):
    """What stored events say."""

    def read(self, plan: GaugePlan, now_us: int) -> AsyncIterator[GaugeSigns]:
        """The signs of all stored events that can say anything of who is there now, in parts. An event that
        is stored after the first part was asked for may be missing."""
        ...

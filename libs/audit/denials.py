"""Few entries for many calls that were not permitted: the first of a kind soon, later ones together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from libs.audit.entry import Caller

# So long further calls of a kind are counted before they get an entry.
WINDOW_SECONDS = 600
# Kinds that are counted singly; those of more are counted by app.
MAX_KINDS = 1_000


class Kind(NamedTuple):
    """Denied calls that are counted together: of a credential, for an app, of an RPC (`/service/Method`).
    `permission` is what the RPC or the request takes; empty if the credential may not see the app."""

    app_id: str
    actor: str
    rpc: str
    permission: str


class Denied(NamedTuple):
    """Denied calls that get an entry now. `caller` made the first of them."""

    kind: Kind
    caller: Caller
    times: int


@dataclass(slots=True)
class _Count:
    """`due_us`: when the next entry may be made."""

    caller: Caller
    due_us: int
    times: int = 0


class DenialCounter:
    """Counts denied calls. However many there are, each kind has an entry for its first one and one for each
    window after that, and none is left out of the counts."""

    def __init__(self, window_seconds: int = WINDOW_SECONDS, max_kinds: int = MAX_KINDS) -> None:
        self._window_us = window_seconds * 1_000_000
        self._max_kinds = max_kinds
        self._counts: dict[Kind, _Count] = {}

    def add(self, kind: Kind, caller: Caller, now_us: int) -> None:
        """A call was denied."""
        if kind not in self._counts and len(self._counts) >= self._max_kinds:
            # As many as there are apps at most.
            kind, caller = Kind(kind.app_id, "", "", ""), Caller("")
        count = self._counts.setdefault(kind, _Count(caller, now_us))
        if not count.times:
            count.caller = caller
        count.times += 1

    def due(self, now_us: int) -> Sequence[Denied]:
        """What is to get an entry now; it stays due until `written`."""
        for kind in [
            kind
            for kind, count in self._counts.items()
            if not count.times and count.due_us <= now_us
        ]:
            del self._counts[kind]
        return [
            Denied(kind, count.caller, count.times)
            for kind, count in self._counts.items()
            if count.times and count.due_us <= now_us
        ]

    def everything(self) -> Sequence[Denied]:
        """All that has no entry yet, due or not."""
        return [
            Denied(k, count.caller, count.times) for k, count in self._counts.items() if count.times
        ]

    def written(self, denied: Denied, now_us: int) -> None:
        """It has its entry. What came meanwhile is due after the window."""
        count = self._counts[denied.kind]
        count.times -= denied.times
        count.due_us = now_us + self._window_us

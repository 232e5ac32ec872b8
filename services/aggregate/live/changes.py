"""What changed lately, once for all watchers of an app: each has a place in it, and no list of its own."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from services.aggregate.model import CellState

# Beside its message: the objects around it, and its places in a dict and a list.
_CHANGE_BYTES = 300
# As many outdated changes are not worth a new list.
_TOLERATED = 1_000


class Versions:
    """The newest version seen of each cell, for the `limit` cells that changed last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._versions: OrderedDict[bytes, int] = OrderedDict()

    def raise_to(self, cell_id: bytes, version: int) -> bool:
        """Whether neither this version nor a newer one was seen before; takes note of it."""
        if self._versions.get(cell_id, 0) >= version:
            return False
        self._versions[cell_id] = version
        self._versions.move_to_end(cell_id)
        if len(self._versions) > self._limit:
            self._versions.popitem(last=False)
        return True


@dataclass(slots=True)
class Change:
    """The state of a cell as a message; `place` counts the changes of the app."""

    place: int
    cell_id: bytes
    rollup: str
    version: int
    message: bytes


class Portion(NamedTuple):
    """Messages for a watcher, the place that it has reached with them, and whether there are more."""

    messages: list[bytes]
    place: int
    more: bool


class Changes:
    """The newest state of each cell that changed, in the order of the changes.

    `newest` is the place of the last change, `lost` that of the last one that was dropped before every
    watcher had it, `held_bytes` what the changes take.
    """

    def __init__(self, encode: Callable[[CellState], bytes], remembered_versions: int) -> None:
        self._encode = encode
        self._versions = Versions(remembered_versions)
        self._by_cell: dict[bytes, Change] = {}
        # By place; a change that is not the one of its cell in `_by_cell` is outdated.
        self._in_order: list[Change] = []
        self.newest = 0
        self.lost = 0
        self.held_bytes = 0

    def __len__(self) -> int:
        """The changes in memory, outdated ones among them."""
        return len(self._in_order)

    def offer(self, state: CellState) -> bool:
        """Takes a state that was published; False for one that is not newer than what is known."""
        cell_id = state.cell.watched_id
        if not self._versions.raise_to(cell_id, state.version):
            return False
        self._forget(cell_id)
        self.newest += 1
        change = Change(self.newest, cell_id, state.cell.rollup, state.version, self._encode(state))
        self._by_cell[cell_id] = change
        self._in_order.append(change)
        self.held_bytes += len(change.message) + _CHANGE_BYTES
        if len(self._in_order) > 2 * len(self._by_cell) + _TOLERATED:
            self._tidy()
        return True

    def read(self, state: CellState) -> bytes:
        """The message of a state that was read from the store, for the watcher that begins with it;
        empty if a newer one is here, which the watcher comes to.

        No watcher is sent anything older than what was read after that.
        """
        cell_id, version = state.cell.watched_id, state.version
        known = self._by_cell.get(cell_id)
        if known is not None and known.version > version:
            return b""
        message = self._encode(state)
        if known is not None and known.version < version:
            self.held_bytes += len(message) - len(known.message)
            known.version, known.message = version, message
        # The version itself is still to be published, and new to the other watchers then.
        self._versions.raise_to(cell_id, version - 1)
        return message

    def after(self, place: int, rollups: frozenset[str], limit_bytes: int) -> Portion:
        """The changes of some rollups behind `place`, up to `limit_bytes` of them but at least one."""
        messages: list[bytes] = []
        size = 0
        first = bisect_right(self._in_order, place, key=attrgetter("place"))
        for index in range(first, len(self._in_order)):
            change = self._in_order[index]
            if change.rollup not in rollups or self._by_cell.get(change.cell_id) is not change:
                continue
            size += len(change.message)
            if messages and size > limit_bytes:
                return Portion(messages, place, more=True)
            messages.append(change.message)
            place = change.place
        return Portion(messages, self.newest, more=False)

    def forget_through(self, place: int) -> None:
        """Forgets the changes up to `place`, which every watcher has been sent."""
        sent = bisect_right(self._in_order, place, key=attrgetter("place"))
        for change in self._in_order[:sent]:
            if self._by_cell.get(change.cell_id) is change:
                self._forget(change.cell_id)
        del self._in_order[:sent]

    def drop_oldest(self, excess_bytes: int) -> None:
        """Forgets the oldest changes, sent or not, until so many bytes are free."""
        enough = self.held_bytes - excess_bytes
        dropped = 0
        while dropped < len(self._in_order) and self.held_bytes > enough:
            change = self._in_order[dropped]
            dropped += 1
            if self._by_cell.get(change.cell_id) is change:
                self._forget(change.cell_id)
                self.lost = change.place
        del self._in_order[:dropped]

    def _forget(self, cell_id: bytes) -> None:
        change = self._by_cell.pop(cell_id, None)
        if change is not None:
            self.held_bytes -= len(change.message) + _CHANGE_BYTES

    def _tidy(self) -> None:
        self._in_order = [
            change for change in self._in_order if self._by_cell.get(change.cell_id) is change
        ]


def joined(messages: Iterable[bytes], limit_bytes: int) -> list[bytes]:
    """The messages one behind the other, in as few as have at most `limit_bytes`, unless one alone has
    more; one empty message for none."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for message in messages:
        size += len(message)
        if size > limit_bytes and parts[-1]:
            parts.append([])
            size = len(message)
        parts[-1].append(message)
    return [b"".join(part) for part in parts]

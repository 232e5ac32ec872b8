"""Members that are certainly stored, so that most people are not sent to Postgres again and again."""

from collections import OrderedDict
from collections.abc import Iterable


class KnownMembers:
    """Sets of members by cell and metric, the longest unused dropped beyond `limit` members in all.

    Only what is committed may be remembered. Forgetting costs time, never correctness.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._sets: OrderedDict[tuple[bytes, str], set[str]] = OrderedDict()

    def unknown(self, cell_id: bytes, metric: str, members: set[str]) -> set[str]:
        """Those of `members` that may not be stored yet."""
        known = self._sets.get((cell_id, metric))
        if known is None:
            return members
        self._sets.move_to_end((cell_id, metric))
        return members - known

    def remember(self, cell_id: bytes, metric: str, members: Iterable[str]) -> None:
        """Takes note that `members` are committed."""
        known = self._sets.setdefault((cell_id, metric), set())
        self._sets.move_to_end((cell_id, metric))
        before = len(known)
        known.update(members)
        self._size += len(known) - before
        while self._size > self._limit:
            _, dropped = self._sets.popitem(last=False)
            self._size -= len(dropped)

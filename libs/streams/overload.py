"""Decides whether an overloaded store or the entry itself causes a failure."""

from collections.abc import Iterable

from libs.streams.groups import Entry

# With more failing entries than this the store is at fault, and not the entries.
MAX_REMEMBERED = 10_000


class Overload:
    """Remembers which entries an overloaded store failed at, and whether it did other work since."""

    def __init__(self) -> None:
        self._successes = 0
        # Successes before the failure that is held against an entry.
        self._before: dict[tuple[bytes, bytes], int] = {}

    def note_success(self) -> None:
        """Counts work that a store has done."""
        self._successes += 1

    def forget(self, entries: Iterable[Entry]) -> None:
        """Forgets entries that are done, or in quarantine."""
        for entry in entries:
            self._before.pop(entry.key, None)

    def note_failure(self, entries: Iterable[Entry]) -> None:
        """Notes that a store failed at these entries together."""
        if len(self._before) >= MAX_REMEMBERED:
            self._before.clear()
        for entry in entries:
            self._before.setdefault(entry.key, self._successes)

    def is_own_fault(self, entry: Entry) -> bool:
        """Whether a store that fails at this entry alone did other work since it first did."""
        self.note_failure([entry])
        if self._successes == self._before[entry.key]:
            return False
        # To be blamed again, the entry must fail again while others succeed.
        self._before[entry.key] = self._successes
        return True

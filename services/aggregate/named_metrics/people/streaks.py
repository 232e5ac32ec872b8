"""Streaks: on how many days in a row people were active. Pure."""

from collections.abc import Collection, Set


class Streaks:
    """Counts days backwards, from the last one on, of some people, or of all who were active on it."""

    def __init__(self) -> None:
        self.lengths: dict[str, int] = {}
        self._days = 0
        self._alive: Set[str] = frozenset()

    @property
    def alive(self) -> Collection[str]:
        """Those who were active on every day so far."""
        return self._alive

    def add_day(self, active: Collection[str]) -> None:
        """The day before the ones so far, and who was active on it."""
        self._alive = frozenset(active) & self._alive if self._days else frozenset(active)
        self._days += 1
        for person in self._alive:
            self.lengths[person] = self._days

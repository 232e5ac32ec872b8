"""Paths of one person after the other, counted. Pure; times are microseconds."""

import sys
from array import array
from collections import Counter
from collections.abc import Sequence

from services.aggregate.behaviour.paths.model import PathTable, Row

# Names have numbers of two bytes, so that a time and a name are one integer that sorts by both.
_NAME_BITS = 16
_NAME = (1 << _NAME_BITS) - 1
# Nothing within the gap.
_END = -1


def packed_keys(times: bytes, names: bytes) -> list[int]:
    """The events of one person, in order: the time, and behind it the number of the name. `times` are
    big-endian 8-byte integers, `names` 2-byte ones, one of each for an event."""
    moments, numbers = array("q", times), array("H", names)
    if sys.byteorder == "little":
        moments.byteswap()
        numbers.byteswap()
    return sorted(
        moment << _NAME_BITS | number for moment, number in zip(moments, numbers, strict=True)
    )


class PathTally:
    """Counts the paths of people who are added one by one.

    `names` are all names of events by their numbers, in alphabetical order, which is the order of events of
    one moment. Anchors are from `start` until before `end`.
    """

    def __init__(
        self,
        names: Sequence[str],
        anchor: str,
        *,
        start: int,
        end: int,
        gap: int,
        depth: int,
        is_backward: bool,
    ) -> None:
        self._names = names
        self._anchor = names.index(anchor) if anchor in names else None
        self._start, self._end = start, end
        self._gap = gap
        self._depth = depth
        self._direction = -1 if is_backward else 1
        self._counts: Counter[tuple[int, int, int]] = Counter()
        self._people: Counter[tuple[int, int, int]] = Counter()
        self._paths = 0

    def add(self, keys: Sequence[int]) -> None:
        """Adds a person with these events; see `packed_keys`."""
        found: Counter[tuple[int, int, int]] = Counter()
        last = len(keys) - 1
        for anchor, key in enumerate(keys):
            if key & _NAME != self._anchor or not self._start <= key >> _NAME_BITS < self._end:
                continue
            self._paths += 1
            place = anchor
            for step in range(1, self._depth + 1):
                following = place + self._direction
                name = keys[place] & _NAME
                if not 0 <= following <= last or self._between(keys, place, following) > self._gap:
                    found[step, name, _END] += 1
                    break
                found[step, name, keys[following] & _NAME] += 1
                place = following
        self._counts.update(found)
        self._people.update(found.keys())

    def table(self) -> PathTable:
        """All rows so far, those of a step by count, then by name."""
        rows = [
            Row(step, self._names[event], "" if to == _END else self._names[to], count, people)
            for (step, event, to), count in self._counts.items()
            for people in (self._people[step, event, to],)
        ]
        rows.sort(key=lambda row: (row.step, -row.count, row.event, row.next))
        return PathTable(tuple(rows), self._paths)

    @staticmethod
    def _between(keys: Sequence[int], one: int, other: int) -> int:
        return abs((keys[one] >> _NAME_BITS) - (keys[other] >> _NAME_BITS))

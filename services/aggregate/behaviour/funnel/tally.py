"""A funnel counted: people are added one by one, and groups by value come out. Pure."""

import heapq
from array import array
from collections.abc import Iterable, Sequence

from services.aggregate.behaviour.funnel.model import FunnelGroup, FunnelTable, StepCount

# Groups that are counted one by one while people are read; each takes about a kilobyte.
MAX_VALUES = 10_000
# Numbers that are sorted at once: for some milliseconds, no other thread runs.
_SORTED_AT_ONCE = 20_000


class _Counts:
    def __init__(self, steps: int) -> None:
        self.people = [0] * steps
        # The times from each step to the next.
        self.between = [array("q") for _ in range(1, steps)]

    def add(self, moments: Sequence[int]) -> None:
        for step, moment in enumerate(moments):
            self.people[step] += 1
            if step:
                self.between[step - 1].append(moment - moments[step - 1])

    def add_all(self, other: "_Counts") -> None:
        for step, people in enumerate(other.people):
            self.people[step] += people
        for mine, theirs in zip(self.between, other.between, strict=True):
            mine.extend(theirs)

    def steps(self) -> list[StepCount]:
        found = [StepCount(self.people[0], None, None)]
        for people, between in zip(self.people[1:], self.between, strict=True):
            times = in_order(between)
            found.append(StepCount(people, nearest_rank(times, 50), nearest_rank(times, 90)))
        return found


class FunnelTally:
    """Counts people by their value and by how far they came."""

    def __init__(self, steps: int, max_values: int = MAX_VALUES) -> None:
        self._steps = steps
        self._max_values = max_values
        self._groups: dict[str | None, _Counts] = {}
        self._rest = _Counts(steps)
        self._is_cut = False

    def add(self, value: str | None, moments: Sequence[int]) -> None:
        """Adds a person who reached each step at its moment, as far as they came; none if they entered not
        at all."""
        if not moments:
            return
        counts = self._groups.get(value)
        if counts is None:
            if len(self._groups) >= self._max_values:
                self._is_cut = True
                counts = self._rest
            else:
                counts = self._groups[value] = _Counts(self._steps)
        counts.add(moments)

    def table(self, max_groups: int) -> FunnelTable:
        """All of them, and the `max_groups` largest groups; those of the same size by their values. With 0,
        nothing is said of groups."""
        order = sorted(
            self._groups.items(), key=lambda item: (-item[1].people[0], item[0] is None, item[0])
        )
        others = _sum(self._steps, [self._rest, *(counts for _, counts in order[max_groups:])])
        total = _sum(self._steps, [others, *(counts for _, counts in order[:max_groups])])
        return FunnelTable(
            total.steps(),
            [FunnelGroup(value, counts.steps()) for value, counts in order[:max_groups]],
            others.steps() if max_groups and others.people[0] else None,
            self._is_cut,
        )


def in_order(values: Sequence[int]) -> list[int]:
    """The values in order of size, sorted in pieces, so that other threads of the process can go on."""
    pieces = [
        sorted(values[start : start + _SORTED_AT_ONCE])
        for start in range(0, len(values), _SORTED_AT_ONCE)
    ]
    return list(heapq.merge(*pieces)) if len(pieces) != 1 else pieces[0]


def nearest_rank(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least `percent` % of the ordered values do not exceed; None without any."""
    if not ordered:
        return None
    return ordered[max(1, -(-percent * len(ordered) // 100)) - 1]


def _sum(steps: int, parts: Iterable[_Counts]) -> _Counts:
    found = _Counts(steps)
    for part in parts:
        found.add_all(part)
    return found

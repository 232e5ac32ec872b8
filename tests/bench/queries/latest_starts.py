"""A funnel in strict order over the times of its steps: what a service does with arrays from Postgres."""

import sys
from array import array
from collections.abc import Iterable, Sequence

from tests.bench.figures import percentile


def times_of(packed: bytes | None) -> list[int]:
    """Big-endian 8-byte integers, in order of size."""
    times = array("q", packed or b"")
    if sys.byteorder == "little":
        times.byteswap()
    return sorted(times)


def reached(steps: Sequence[Sequence[int]], window: int) -> list[int]:
    """When one person first reached each step, as far as they came; `steps` are the ordered times of the
    events of each step.

    An event of a step looks back to the latest event of the step before, and to the latest first step from
    which that one can be reached: no earlier one could leave more of the window.
    """
    if not steps[0]:
        return []
    found = [steps[0][0]]
    before = starts = steps[0]
    for times in steps[1:]:
        kept, kept_starts, place = [], [], -1
        last = len(before) - 1
        for time in times:
            while place < last and before[place + 1] < time:
                place += 1
            if place >= 0 and time - starts[place] <= window:
                kept.append(time)
                kept_starts.append(starts[place])
        if not kept:
            break
        found.append(kept[0])
        before, starts = kept, kept_starts
    return found


def summary(people: Iterable[Sequence[int]], steps: int) -> tuple[float | None, ...]:
    """How many people reached each step, and the median time from each to the next; of `reached` of each."""
    counts = [0] * steps
    between: list[list[int]] = [[] for _ in range(1, steps)]
    for moments in people:
        for step in range(len(moments)):
            counts[step] += 1
        for step in range(1, len(moments)):
            between[step - 1].append(moments[step] - moments[step - 1])
    return (*counts, *(percentile(times, 50) if times else None for times in between))

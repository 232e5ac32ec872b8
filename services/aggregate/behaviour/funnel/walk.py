"""How far one person came in a funnel, from the times of their events. Pure; times are microseconds."""

import heapq
import sys
from array import array
from collections.abc import Sequence
from itertools import repeat


def times_of(packed: bytes | None) -> list[int]:
    """Big-endian 8-byte integers, in order of size."""
    times = array("q", packed or b"")
    if sys.byteorder == "little":
        times.byteswap()
    return sorted(times)


def reached(steps: Sequence[Sequence[int]], window: int) -> list[int]:
    """When one person first reached each step in order, as far as they came; `steps` are the ordered times of
    the events of each step.

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


def reached_in_any_order(steps: Sequence[Sequence[int]], window: int, end: int) -> list[int]:
    """When one person had first done one of the steps, two of them and so on, within a window whose first
    event is before `end`."""
    found: list[int] = []
    newest: dict[int, int] = {}
    newest_entry: int | None = None
    each = (zip(times, repeat(number), strict=False) for number, times in enumerate(steps))
    for time, number in heapq.merge(*each):
        newest[number] = time
        if time < end:
            newest_entry = time
        if newest_entry is None or time - newest_entry > window:
            continue
        done = sum(time - last <= window for last in newest.values())
        found += [time] * (done - len(found))
    return found

"""Which partitions `enrich.events` should have: a bounded number, whatever the times of the events are.

Each retention class has

- leaves of one *grain* (a day, a month or a year) from the beginning of its retention until some days ahead;
- one leaf for everything older, which is past its limit: retention empties it, and what arrives late for a
  day that is gone lies here until the next run;
- a default leaf for all other times: the far future, and days whose leaf is not made yet.

So there is a leaf for every event, and storing one never waits for a partition to be made. `next_change`
says, one step at a time, how to get from the existing leaves to the wanted ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from libs.catalog import RETENTION_CLASSES

# Leaves are made this long before the first event needs them.
AHEAD = timedelta(days=7)
# Events without a retention limit have a leaf for each year from here on: ingest accepts no older ones.
FIRST_KEPT = datetime(2000, 1, 1, tzinfo=UTC)
BEGINNING = datetime.min.replace(tzinfo=UTC)
# A merge locks a class while it copies, half a second at most with these limits, and needs some locks for
# each table.
MAX_MERGED_LEAVES = 10
MAX_MERGED_BYTES = 16 * 1024 * 1024


class Grain(Enum):
    """How much time a leaf holds."""

    DAY = "%Y%m%d"
    MONTH = "%Y%m"
    YEAR = "%Y"

    def start(self, moment: datetime) -> datetime:
        """The beginning of the day, month or year of a moment; UTC."""
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if self is Grain.DAY:
            return day
        return day.replace(day=1) if self is Grain.MONTH else day.replace(month=1, day=1)

    def next(self, start: datetime) -> datetime:
        """The beginning of the day, month or year after the one that begins at `start`."""
        days = {Grain.DAY: 1, Grain.MONTH: 31, Grain.YEAR: 366}[self]
        return self.start(start + timedelta(days=days))


# Short classes are dropped by the day. The longer the class, the less a coarse leaf matters.
GRAINS = {
    **dict.fromkeys(("1d", "7d", "30d", "90d"), Grain.DAY),
    **dict.fromkeys(("1y", "2y", "3y"), Grain.MONTH),
    **dict.fromkeys(("7y", "10y", "keep"), Grain.YEAR),
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A partition of one retention class, from `start` until before `end`; the one that begins at
    BEGINNING holds everything older. `table` is the name of one that exists."""

    retention_class: str
    start: datetime
    end: datetime
    table: str = field(default="", compare=False)
    size_bytes: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        """The table's name: that of the existing one, or `events_90d_20261120`, `events_1y_202611`,
        `events_keep_2026` or `events_90d_older`."""
        if self.table:
            return self.table
        if self.start == BEGINNING:
            return f"events_{self.retention_class}_older"
        pattern = GRAINS[self.retention_class].value
        return f"events_{self.retention_class}_{self.start.strftime(pattern)}"

    def overlaps(self, other: "Leaf") -> bool:
        """Whether there is a moment that belongs to both."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: "Leaf") -> bool:
        """Whether every moment of the other belongs to this one."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """Makes `leaf` from the rows of its time in the default leaf, and from `sources`, the existing leaves
    that it replaces."""

    leaf: Leaf
    sources: tuple[Leaf, ...] = ()


def class_table(retention_class: str) -> str:
    """The name of the table of all rows of the class, which has its leaves."""
    return f"events_{retention_class}"


def default_leaf(retention_class: str) -> str:
    """The name of the table for the rows of the class that belong to no other leaf."""
    return f"{class_table(retention_class)}_default"


def current_leaves(retention_class: str, now: datetime) -> list[Leaf]:
    """The leaves that live events need now and tomorrow, and the one for everything older. A class without
    events has these."""
    grain = GRAINS[retention_class]
    tomorrow = now + timedelta(days=1)
    return [
        *_leaves(retention_class, grain.start(now), tomorrow),
        Leaf(retention_class, BEGINNING, _window_start(retention_class, now)),
    ]


def wanted_leaves(retention_class: str, now: datetime) -> list[Leaf]:
    """All leaves that a class with events should have: without gaps, the most urgent first."""
    start = _window_start(retention_class, now)
    window = _leaves(retention_class, start, now + AHEAD)
    urgent = current_leaves(retention_class, now)
    return [*urgent, *(leaf for leaf in reversed(window) if leaf not in urgent)]


def next_change(existing: Sequence[Leaf], wanted: Iterable[Leaf]) -> PartitionChange | None:
    """The next step from the existing leaves of a class to the wanted ones; None if there is none.

    Leaves are made before others are merged. A merge takes a few neighbours at a time; the merged leaf grows
    until it is the wanted one. Leaves of more than MAX_MERGED_BYTES stay as they are, and so do those that
    reach beyond a wanted one: they hold the rows of its time.
    """
    merges = []
    for leaf in wanted:
        touching = [other for other in existing if other.overlaps(leaf)]
        if not touching:
            return PartitionChange(leaf)
        if all(leaf.covers(other) for other in touching) and leaf not in touching:
            merges.append(_merge(leaf, sorted(touching, key=lambda other: other.start)))
    return next((merge for merge in merges if merge), None)


def _merge(leaf: Leaf, inside: Sequence[Leaf]) -> PartitionChange | None:
    """The first neighbours of `inside` that may be merged; None if all are too large to be copied."""
    if change := _merge_into(Leaf(leaf.retention_class, leaf.start, leaf.end, leaf.name), inside):
        return change
    # The leaves behind one that is too large to be copied are merged with each other.
    behind = (
        _merge_into(Leaf(leaf.retention_class, first.start, leaf.end, first.name), inside[place:])
        for place, first in enumerate(inside)
        if place
    )
    return next((change for change in behind if change), None)


def _merge_into(target: Leaf, inside: Sequence[Leaf]) -> PartitionChange | None:
    """Merges the first of these leaves with as many of those behind it as may be copied at once, into the
    target or its first part."""
    first = inside[0]
    copied_bytes = 0 if first.name == target.name else first.size_bytes
    sources = [first]
    for source in inside[1:MAX_MERGED_LEAVES]:
        if copied_bytes + source.size_bytes > MAX_MERGED_BYTES:
            break
        copied_bytes += source.size_bytes
        sources.append(source)
    if copied_bytes > MAX_MERGED_BYTES:
        return None
    is_last = len(sources) == len(inside)
    end = target.end if is_last else inside[len(sources)].start
    merged = Leaf(target.retention_class, target.start, end, target.name)
    return None if sources == [merged] else PartitionChange(merged, tuple(sources))


def _window_start(retention_class: str, now: datetime) -> datetime:
    days = RETENTION_CLASSES[retention_class]
    if days is None:
        return FIRST_KEPT
    return GRAINS[retention_class].start(now - timedelta(days=days))


def _leaves(retention_class: str, start: datetime, until: datetime) -> list[Leaf]:
    grain, leaves = GRAINS[retention_class], []
    while start <= until:
        leaves.append(Leaf(retention_class, start, grain.next(start)))
        start = leaves[-1].end
    return leaves

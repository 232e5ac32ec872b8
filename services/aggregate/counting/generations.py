"""Into which cells an event counts while buckets are recounted. Pure.

A recount makes new cells of some buckets, a new *generation*, from the events of one snapshot. Each change
goes into the generation that readers see, and into those that are being made, so that no event is missing
when the new one takes over (ADR 32).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.aggregate.counting.definitions import Definition, RollupKey

# (app, rollup, bucket start in seconds since the epoch).
BucketKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class OpenRecount:
    """A recount that is under way: of the buckets of a rollup that begin from `start` (inclusive) to `end`
    (exclusive), in seconds since the epoch. Its `generation` is used by no other recount, ever."""

    generation: int
    app_id: str
    rollup: str
    start: int
    end: int

    def covers(self, key: BucketKey) -> bool:
        """Whether it makes new cells of the bucket."""
        app_id, rollup, bucket = key
        return app_id == self.app_id and rollup == self.rollup and self.start <= bucket < self.end


@dataclass(frozen=True, slots=True)
class RecountState:
    """What has to be known of recounts to count; it changes only together with `epoch`.

    `covered` has batches that were stored, but not counted, when a recount took its snapshot: the recount has
    their events, so they must not be added to its generation when they are counted, however much later.
    `recounted` are the rollups that have any bucket of a later generation than the first, 0; `adopted` are
    the definitions by which rollups are counted; `fenced_from_us` says of apps with fences when the newest
    came into force, in microseconds since the epoch.
    """

    epoch: int
    open: Sequence[OpenRecount] = ()
    covered: Mapping[bytes, frozenset[int]] = field(default_factory=dict)
    recounted: frozenset[RollupKey] = frozenset()
    adopted: Mapping[RollupKey, Definition] = field(default_factory=dict)
    fenced_from_us: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether all cells are of the first generation, and none are being made."""
        return not self.open and not self.recounted


@dataclass(frozen=True, slots=True)
class Targets:
    """The generations of a bucket that a change goes into: the one that readers see, None if the change is in
    it already, and those that are being made."""

    visible: int | None
    made: Sequence[int]


def targets(
    state: RecountState, key: BucketKey, generation: int, covered: frozenset[int]
) -> Targets:
    """Where a change of the bucket goes, whose visible generation is given; `covered` are the generations
    that have the change already, because they were made from events that were stored."""
    made = [
        recount.generation
        for recount in state.open
        if recount.covers(key) and recount.generation not in covered
    ]
    return Targets(None if generation in covered else generation, made)


def first_version(generation: int) -> int:
    """The version of a cell of the generation after its first change. Those of later generations are higher,
    so that watchers never take an older state of a cell for a newer one."""
    return (generation << 32) + 1

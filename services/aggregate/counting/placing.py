"""Which cells of which generations the changes of a chunk go into."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from services.aggregate.counting.generations import BucketKey, RecountState, Targets, targets
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.model import CellDelta, CellKey, MeasureDelta
from services.aggregate.plan import RollupPlan
from services.aggregate.ports import CountingTransaction

_REMEMBERED = 100_000


class Change(NamedTuple):
    """What a cell grows by, whatever its generation."""

    app_id: str
    rollup: RollupPlan
    key: CellKey
    measures: Sequence[MeasureDelta]
    members: Mapping[str, set[str]]

    @property
    def bucket(self) -> BucketKey:
        """The bucket of its cell."""
        return self.app_id, self.rollup.name, self.key[0]


class Generations:
    """The state of recounts and the visible generations of buckets, read again when the epoch has changed.

    A counting transaction reads the epoch under a lock that keeps it from changing until the commit: so what
    was read with the same epoch is still so.
    """

    def __init__(self) -> None:
        self._state = RecountState(-1)
        self._visible: dict[BucketKey, int] = {}

    async def current(self, transaction: CountingTransaction, epoch: int) -> RecountState:
        """The state of recounts at the epoch that the transaction has read."""
        if self._state.epoch != epoch:
            self._state = await transaction.read_recounts(epoch)
            self._visible.clear()
        return self._state

    async def visible(
        self, transaction: CountingTransaction, changes: Iterable[Change]
    ) -> Mapping[BucketKey, int]:
        """The generations of the changes' buckets at that epoch; without those of generation 0 when there are
        no others."""
        recounted = self._state.recounted
        if not recounted:
            return {}
        wanted = {key for key in {change.bucket for change in changes} if key[:2] in recounted}
        if unknown := wanted - self._visible.keys():
            found = await transaction.read_generations(sorted(unknown))
            if len(self._visible) + len(unknown) > _REMEMBERED:
                self._visible = {key: self._visible[key] for key in wanted - unknown}
            self._visible.update({key: found.get(key, 0) for key in unknown})
        return {key: self._visible[key] for key in wanted}


def placed(
    changes: Sequence[Change],
    identity: CellIdentity,
    state: RecountState,
    visible: Mapping[BucketKey, int],
    covered: frozenset[int],
) -> tuple[list[CellDelta], list[CellDelta]]:
    """The changes by cell: of the cells that readers see, and of those that recounts are making; without what
    the `covered` generations have already."""
    if state.is_plain:
        return [_delta(change, identity, 0) for change in changes], []
    seen, made = [], []
    into_of: dict[BucketKey, Targets] = {}
    for change in changes:
        bucket = change.bucket
        into = into_of.get(bucket)
        if into is None:
            into = into_of[bucket] = targets(state, bucket, visible.get(bucket, 0), covered)
        if into.visible is not None:
            seen.append(_delta(change, identity, into.visible))
        for other in into.made:
            copies = [replace(measure) for measure in change.measures]
            made.append(_delta(change._replace(measures=copies), identity, other))
    return seen, made


def _delta(change: Change, identity: CellIdentity, generation: int) -> CellDelta:
    cell = identity.cell(change.app_id, change.rollup, change.key, generation)
    return CellDelta(cell, change.measures, change.members)

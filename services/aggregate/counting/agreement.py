"""What a process must not count, because other definitions than its catalog declares are adopted. Pure."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from services.aggregate.buckets import bucket_start
from services.aggregate.counting.definitions import Definition, RollupKey, definitions
from services.aggregate.counting.generations import BucketKey, RecountState
from services.aggregate.counting.placing import Change
from services.aggregate.model import StoredBatch
from services.aggregate.plan import AppPlan


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A rollup that is adopted with another definition, and the names of the events for which that makes a
    difference."""

    adopted: Definition
    names: Set[str]


class Agreement:
    """Compares plans with what is adopted, once for each plan and epoch."""

    def __init__(self) -> None:
        self._epoch = -1
        self._found: dict[int, tuple[AppPlan, Mapping[str, Disagreement]]] = {}

    def split(
        self,
        changes: Sequence[Change],
        batches: Sequence[StoredBatch],
        plans: Mapping[str, AppPlan],
        state: RecountState,
    ) -> tuple[Sequence[Change], Set[BucketKey]]:
        """The changes that count, of those that batches come to by the plans; and the buckets that have to be
        recounted by a process with the adopted definitions instead."""
        apps = {batch.app_id for batch in batches}
        differing = {app_id: self._disagreements(plans[app_id], state) for app_id in apps}
        if not any(differing.values()):
            return changes, frozenset()
        refused: set[RollupKey] = set()
        outdated: set[BucketKey] = set()
        for app_id, found in differing.items():
            events = [event for one in batches if one.app_id == app_id for event in one.events]
            names = {event.name for event in events}
            for rollup, disagreement in found.items():
                if names.isdisjoint(disagreement.names):
                    continue
                refused.add((app_id, rollup))
                adopted = disagreement.adopted
                outdated.update(
                    (app_id, rollup, bucket_start(adopted.period, event.occurred_at.seconds))
                    for event in events
                    if event.name in adopted.events
                )
        counted = [one for one in changes if (one.app_id, one.rollup.name) not in refused]
        return counted, outdated

    def _disagreements(self, plan: AppPlan, state: RecountState) -> Mapping[str, Disagreement]:
        if state.epoch != self._epoch:
            self._epoch = state.epoch
            self._found.clear()
        # With the plan itself: the id of one that is gone may be another one's.
        if id(plan) not in self._found:
            self._found[id(plan)] = plan, disagreements(plan, state.adopted)
        return self._found[id(plan)][1]


def disagreements(
    plan: AppPlan, adopted: Mapping[RollupKey, Definition]
) -> Mapping[str, Disagreement]:
    """By rollup. One that is not adopted yet is counted: all of it is counted again when it is."""
    declared = definitions(plan)
    found = {}
    for key, definition in adopted.items():
        app_id, rollup = key
        ours = declared.get(key)
        if app_id != plan.app_id or ours == definition:
            continue
        if ours is None:
            names = definition.events
        elif ours.shape == definition.shape:
            names = ours.events ^ definition.events
        else:
            names = ours.events | definition.events
        found[rollup] = Disagreement(definition, names)
    return found

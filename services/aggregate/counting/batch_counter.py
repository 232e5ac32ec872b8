"""Counts chunks of batches, each in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from libs.common.clock import Clock, moment_of
from libs.common.pseudonym import Pseudonymizer
from services.aggregate import metrics
from services.aggregate.counting.adding import States, add_deltas
from services.aggregate.counting.agreement import Agreement
from services.aggregate.counting.fences import FencedEvents
from services.aggregate.counting.fold import fold
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.counting.placing import Change, Generations, placed
from services.aggregate.expiry.kept import first_kept
from services.aggregate.gauges.signs import AllSigns, GaugeSigns
from services.aggregate.model import Cell, CellState, Measure, StoredBatch
from services.aggregate.plan import AppPlan, CatalogBehindError, RollupPlan
from services.aggregate.ports import CountingStore
from services.aggregate.values import cell_values


class Changed(NamedTuple):
    """A cell that changed, its rollup, and what is stored of it now."""

    cell: Cell
    rollup: RollupPlan
    version: int
    measures: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class CountedChunk:
    """What a chunk changed: batches counted now, events counted now by app, batches that were counted before,
    every cell that either changed, and what both say of those who are there."""

    batches: int
    duplicates: int
    events: Mapping[str, int]
    changed: Sequence[Changed]
    signs: Sequence[GaugeSigns]

    def states(self) -> list[CellState]:
        """The cells that changed as readers see them."""
        return [
            CellState(each.cell, each.version, cell_values(each.rollup, each.measures))
            for each in self.changed
        ]


class _CoveredError(Exception):
    """Some batches of several are in a recount already, and have to be counted alone."""

    def __init__(self, batch_ids: frozenset[bytes]) -> None:
        super().__init__()
        self.batch_ids = batch_ids


class BatchCounter:
    """Adds batches to the rollups' cells, each batch once, in one transaction."""

    def __init__(
        self,
        store: CountingStore,
        known: KnownMembers,
        identity: CellIdentity,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._known = known
        self._identity = identity
        self._pseudonymizer = pseudonymizer
        self._clock = clock
        self._generations = Generations()
        self._agreement = Agreement()
        self._fenced = FencedEvents(pseudonymizer)

    async def count(
        self, batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan]
    ) -> CountedChunk:
        """Counts those batches that were never counted by the plans of their apps; repeating it changes
        nothing. All or none, except for batches that a recount has the events of: those alone.

        Raises CatalogBehindError, and what the store raises.
        """
        # The same batch may come in two entries: enrich hands on again what it was killed over.
        firsts: dict[bytes, StoredBatch] = {}
        for batch in batches:
            firsts.setdefault(batch.batch_id, batch)
        once = list(firsts.values())
        _check(once, plans)
        twice = len(batches) - len(once)
        try:
            return _sum([await self._count(once, plans)], twice)
        except _CoveredError as error:
            alone = [batch for batch in once if batch.batch_id in error.batch_ids]
            others = [batch for batch in once if batch.batch_id not in error.batch_ids]
            parts = [[batch] for batch in alone] + ([others] if others else [])
            return _sum([await self.count(part, plans) for part in parts], twice)

    async def _count(
        self, once: Sequence[StoredBatch], plans: Mapping[str, AppPlan]
    ) -> CountedChunk:
        if not once:
            return CountedChunk(0, 0, {}, [], [])
        async with self._store.transaction() as transaction:
            claimed = await transaction.claim(once)
            state = await self._generations.current(transaction, claimed.epoch)
            once = await self._fenced.left_out(transaction, once, plans, state.fenced_from_us)
            fresh = [batch for batch in once if batch.batch_id in claimed.batches]
            covered = state.covered.keys() & claimed.batches
            if covered and len(once) > 1:
                raise _CoveredError(frozenset(covered))
            signs = AllSigns()
            folded, events = self._fold(fresh, plans, signs)
            changes, outdated = self._agreement.split(folded, fresh, plans, state)
            if outdated:
                await transaction.mark_outdated(sorted(outdated))
            # The process that counted a batch may have died before it published: it is published again.
            published = [batch for batch in once if batch.batch_id not in claimed.batches]
            folded, _ = self._fold(published, plans, signs)
            before, _ = self._agreement.split(folded, published, plans, state)
            visible = await self._generations.visible(transaction, (*changes, *before))
            into = frozenset().union(*(state.covered[batch_id] for batch_id in covered))
            seen, made = placed(changes, self._identity, state, visible, into)
            added = await add_deltas(transaction, seen, made, self._known)
            cells = {delta.cell.cell_id: delta.cell for delta in seen}
            again = {
                cell.cell_id: cell
                for change in before
                for cell in [self._cell(change, visible.get(change.bucket, 0))]
            }
            states = added.states
            if unpublished := again.keys() - states.keys():
                states = {**states, **await transaction.read_measures(sorted(unpublished))}
        added.remember(self._known)
        changed = _changed({**again, **cells}, states, plans)
        return CountedChunk(len(fresh), len(once) - len(fresh), events, changed, signs.found())

    def _fold(
        self, batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan], signs: AllSigns
    ) -> tuple[list[Change], Mapping[str, int]]:
        by_app: dict[str, list[StoredBatch]] = {}
        events: Counter[str] = Counter()
        for batch in batches:
            by_app.setdefault(batch.app_id, []).append(batch)
            events[batch.app_id] += len(batch.events) - len(batch.skipped)
        changes = []
        now = moment_of(self._clock.now_us())
        for app_id, of_app in by_app.items():
            plan = plans[app_id]
            for name, folded in fold(plan, of_app, self._pseudonymizer, signs).items():
                rollup = plan.rollups[name]
                first = first_kept(rollup.period, rollup.retention_days, now)
                for key, measures, members in folded.cells():
                    if first is None or key[0] >= first:
                        changes.append(Change(app_id, rollup, key, measures, members))
                    else:
                        # Of a bucket whose other events were deleted it would be a part that looks whole.
                        metrics.EXPIRED_CHANGES.labels(app_id).inc()
        return changes, events

    def _cell(self, change: Change, generation: int) -> Cell:
        return self._identity.cell(change.app_id, change.rollup, change.key, generation)


def _check(batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan]) -> None:
    for batch in batches:
        if batch.app_id not in plans:
            raise CatalogBehindError(f"no catalog is loaded for the app {batch.app_id}")


def _sum(parts: Sequence[CountedChunk], twice: int) -> CountedChunk:
    """What chunks changed together; `twice` are batches that came in two entries."""
    events: Counter[str] = Counter()
    for part in parts:
        events.update(part.events)
    return CountedChunk(
        sum(part.batches for part in parts),
        sum(part.duplicates for part in parts) + twice,
        events,
        [each for part in parts for each in part.changed],
        [signs for part in parts for signs in part.signs],
    )


def _changed(
    cells: Mapping[bytes, Cell], states: States, plans: Mapping[str, AppPlan]
) -> list[Changed]:
    changed = []
    for cell_id, (version, measures) in states.items():
        cell = cells[cell_id]
        changed.append(Changed(cell, plans[cell.app_id].rollups[cell.rollup], version, measures))
    return changed

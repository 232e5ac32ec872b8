"""Counts chunks of batches, each in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from libs.common.pseudonym import Pseudonymizer
from services.aggregate.counting.fold import fold
from services.aggregate.counting.identity import CellIdentity, member_texts
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.gauges.signs import AllSigns, GaugeSigns
from services.aggregate.model import Cell, CellDelta, CellState, Measure, StoredBatch
from services.aggregate.plan import AppPlan, CatalogBehindError
from services.aggregate.ports import CountingStore, CountingTransaction
from services.aggregate.values import cell_values


@dataclass(frozen=True, slots=True)
class Counted:
    """What a chunk changed: batches counted now, events counted now by app, batches that were counted before,
    the state of every cell that either changed, and what both say of those who are there."""

    batches: int
    duplicates: int
    events: Mapping[str, int]
    states: Sequence[CellState]
    signs: Sequence[GaugeSigns]


class BatchCounter:
    """Adds batches to the rollups' cells, each batch once, in one transaction."""

    def __init__(
        self,
        store: CountingStore,
        known: KnownMembers,
        identity: CellIdentity,
        pseudonymizer: Pseudonymizer,
    ) -> None:
        self._store = store
        self._known = known
        self._identity = identity
        self._pseudonymizer = pseudonymizer

    async def count(self, batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan]) -> Counted:
        """Counts those batches that were never counted by the plans of their apps, all or none; repeating
        it changes nothing.

        Raises CatalogBehindError, and what the store raises.
        """
        # The same batch may come in two entries: enrich hands on again what it was killed over.
        firsts: dict[bytes, StoredBatch] = {}
        for batch in batches:
            firsts.setdefault(batch.batch_id, batch)
        once = list(firsts.values())
        _check(once, plans)
        async with self._store.transaction() as transaction:
            claimed = await transaction.claim(once)
            fresh = [batch for batch in once if batch.batch_id in claimed]
            signs = AllSigns()
            deltas, events = self._fold(fresh, plans, signs)
            members = await self._add_members(transaction, deltas)
            # All members of the cell were known: nothing changed, and nothing is published.
            deltas = [d for d in deltas if any(measure.count for measure in d.measures)]
            states = await transaction.add_measures(deltas) if deltas else {}
            # Only with its first version can the cell itself be missing.
            created = [d.cell for d in deltas if states[d.cell.cell_id][0] == 1]
            if created:
                await transaction.add_cells(created)
            cells = {delta.cell.cell_id: delta.cell for delta in deltas}
            # The process that counted a batch may have died before it published: it is published again.
            again = self._cells(
                [batch for batch in once if batch.batch_id not in claimed], plans, signs
            )
            if unpublished := again.keys() - cells.keys():
                states = {**states, **await transaction.read_measures(sorted(unpublished))}
        for (cell_id, metric), found in members.items():
            self._known.remember(cell_id, metric, found)
        changed = _states({**again, **cells}, states, plans)
        return Counted(len(fresh), len(batches) - len(fresh), events, changed, signs.found())

    def _fold(
        self, batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan], signs: AllSigns
    ) -> tuple[list[CellDelta], Mapping[str, int]]:
        by_app: dict[str, list[StoredBatch]] = {}
        events: Counter[str] = Counter()
        for batch in batches:
            by_app.setdefault(batch.app_id, []).append(batch)
            events[batch.app_id] += len(batch.events) - len(batch.skipped)
        deltas = []
        for app_id, of_app in by_app.items():
            plan = plans[app_id]
            for name, folded in fold(plan, of_app, self._pseudonymizer, signs).items():
                for key, measures, members in folded.cells():
                    cell = self._identity.cell(app_id, plan.rollups[name], key)
                    deltas.append(CellDelta(cell, measures, members))
        return deltas, events

    async def _add_members(
        self, transaction: CountingTransaction, deltas: Sequence[CellDelta]
    ) -> Mapping[tuple[bytes, str], set[str]]:
        unknown: dict[tuple[bytes, str], set[str]] = {}
        for delta in deltas:
            for metric, members in delta.members.items():
                texts = member_texts(members)
                left = self._known.unknown(delta.cell.cell_id, metric, texts)
                if left:
                    unknown[delta.cell.cell_id, metric] = left
        added = await transaction.add_members(unknown) if unknown else {}
        for delta in deltas:
            for measure in delta.measures:
                if measure.metric in delta.members:
                    measure.count = added.get((delta.cell.cell_id, measure.metric), 0)
        return unknown

    def _cells(
        self, batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan], signs: AllSigns
    ) -> dict[bytes, Cell]:
        deltas, _ = self._fold(batches, plans, signs)
        return {delta.cell.cell_id: delta.cell for delta in deltas}


def _check(batches: Sequence[StoredBatch], plans: Mapping[str, AppPlan]) -> None:
    for batch in batches:
        if batch.app_id not in plans:
            raise CatalogBehindError(f"no catalog is loaded for the app {batch.app_id}")


def _states(
    cells: Mapping[bytes, Cell],
    states: Mapping[bytes, tuple[int, Mapping[str, Measure]]],
    plans: Mapping[str, AppPlan],
) -> list[CellState]:
    return [
        CellState(
            cells[cell_id],
            version,
            cell_values(plans[cells[cell_id].app_id].rollups[cells[cell_id].rollup], measures),
        )
        for cell_id, (version, measures) in states.items()
    ]

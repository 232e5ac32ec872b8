"""Counts the buckets of a unit again, from the stored events."""

from libs.common.pseudonym import Pseudonymizer
from services.aggregate.counting.adding import add_deltas
from services.aggregate.counting.fold import fold
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.model import CellDelta, StoredBatch
from services.aggregate.plan import AppPlan
from services.aggregate.ports import CountingStore
from services.aggregate.recount.model import PostponedError, Unit
from services.aggregate.recount.ports import OpenedRecount, Recounts
from services.aggregate.recount.publishing import RecountedCells

_REMEMBERED_MEMBERS = 50_000
_REMEMBERED_CELLS = 10_000


class Recounter:
    """Makes new cells of dirty buckets, with the code that counts."""

    def __init__(
        self,
        recounts: Recounts,
        store: CountingStore,
        pseudonymizer: Pseudonymizer,
        cells: RecountedCells,
    ) -> None:
        self._cells = cells
        self._recounts = recounts
        self._store = store
        self._pseudonymizer = pseudonymizer

    async def recount(self, unit: Unit, plan: AppPlan) -> int:
        """Recounts a unit by the app's plan, and tells watchers; how many events were read. Raises
        PostponedError, and what the stores raise: then nothing has changed, or watchers may not know yet."""
        names = {
            name
            for name, event in plan.by_event.items()
            if {rollup.name for rollup in event.rollups} & {found.rollup for found in unit.ranges}
        }
        start = min(found.start for found in unit.ranges)
        end = max(found.end for found in unit.ranges)
        events = 0
        async with self._recounts.open(unit) as opened:
            page = RecountPage(self._store, self._pseudonymizer, unit, plan, opened)
            async for batch in opened.pages(names, start, end):
                await page.add(batch)
                events += len(batch.events)
            gone = await opened.close()
        await self._cells.publish(unit, plan, opened.generation, gone)
        return events


class RecountPage:
    """Adds pages of stored events to the cells that a recount makes."""

    def __init__(
        self,
        store: CountingStore,
        pseudonymizer: Pseudonymizer,
        unit: Unit,
        plan: AppPlan,
        opened: OpenedRecount,
    ) -> None:
        self._store = store
        self._pseudonymizer = pseudonymizer
        self._unit = unit
        self._plan = plan
        self._generation = opened.generation
        # Of this recount alone: what it stores is worth nothing if it is abandoned.
        self._known = KnownMembers(_REMEMBERED_MEMBERS)
        self._identity = CellIdentity(_REMEMBERED_CELLS)

    async def add(self, batch: StoredBatch) -> None:
        """Adds a page, in one transaction. It must not be repeated: if it fails, the recount has failed.
        Raises PostponedError if the recount is not open any more."""
        deltas = self._deltas(batch)
        async with self._store.transaction() as transaction:
            if not await transaction.join_recount(self._generation):
                raise PostponedError("another process has ended the recount")
            added = await add_deltas(transaction, [], deltas, self._known)
        added.remember(self._known)

    def _deltas(self, batch: StoredBatch) -> list[CellDelta]:
        app_id, deltas = self._unit.app_id, []
        for name, folded in fold(self._plan, [batch], self._pseudonymizer).items():
            plan = self._plan.rollups[name]
            for key, measures, members in folded.cells():
                if self._unit.holds((app_id, name, key[0])):
                    cell = self._identity.cell(app_id, plan, key, self._generation)
                    deltas.append(CellDelta(cell, measures, members))
        return deltas

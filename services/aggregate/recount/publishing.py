"""Tells watchers what a recount has changed."""

from collections.abc import Iterator, Sequence

from services.aggregate.buckets import bucket_end, moment
from services.aggregate.counting.generations import first_version
from services.aggregate.model import Cell, CellState
from services.aggregate.plan import AppPlan
from services.aggregate.ports import CellReader, ChangePublisher
from services.aggregate.recount.model import BucketRange, GoneCell, Unit


class RecountedCells:
    """Publishes the cells of buckets that were recounted, and those that are in them no more."""

    def __init__(self, reader: CellReader, publisher: ChangePublisher) -> None:
        self._reader = reader
        self._publisher = publisher

    async def publish(
        self, unit: Unit, plan: AppPlan, generation: int, gone: Sequence[GoneCell]
    ) -> None:
        """After the recount is closed: reads its cells as they are now, page by page. Cells that are gone
        have no values. Raises what the stores raise."""
        if not await self._publisher.has_watchers():
            return
        if gone:
            # Newer than the cell was ever, and older than what is counted into it from now on.
            version = first_version(generation) - 1
            await self._publisher.publish(
                [CellState(_cell(unit.app_id, one), version, {}) for one in gone]
            )
        for found in unit.ranges:
            for start in _buckets(found, plan):
                await self._publish_bucket(plan, found.rollup, start)

    async def _publish_bucket(self, plan: AppPlan, rollup: str, start: int) -> None:
        after: CellState | None = None
        while True:
            page = await self._reader.newest_cells(plan, {rollup: moment(start)}, after)
            if page.states:
                await self._publisher.publish(page.states)
            if not page.more:
                return
            after = page.states[-1]


def _cell(app_id: str, gone: GoneCell) -> Cell:
    return Cell(gone.watched_id, app_id, gone.rollup, gone.bucket, gone.dimensions)


def _buckets(found: BucketRange, plan: AppPlan) -> Iterator[int]:
    start, period = found.start, plan.rollups[found.rollup].period
    while start < found.end:
        yield start
        start = bucket_end(period, start)

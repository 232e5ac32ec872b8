"""By which catalog a batch is counted: the one in use, if it has the batch's app and events."""

from collections.abc import Awaitable, Callable, Sequence

from libs.catalog import Catalogs
from services.aggregate.counting.batch_counter import BatchCounter, CountedChunk
from services.aggregate.model import StoredBatch
from services.aggregate.plan import CatalogBehindError
from services.aggregate.plan_lookup import current_plans, earlier_plans


class CatalogCounter:
    """Counts by the catalogs in use. What these do not have was accepted by ingest under newer ones, for
    which `refresh` looks, or under older ones, of which this process may still have the plans."""

    def __init__(
        self, counter: BatchCounter, catalogs: Catalogs, refresh: Callable[[], Awaitable[bool]]
    ) -> None:
        """`refresh` loads changed catalogs, and says whether there were any."""
        self._counter = counter
        self._catalogs = catalogs
        self._refresh = refresh

    async def count(self, batches: Sequence[StoredBatch]) -> CountedChunk:
        """See BatchCounter. Raises CatalogBehindError for a single batch that no known catalog has, and for
        several of which some have to be counted alone."""
        while True:
            try:
                return await self._counter.count(batches, current_plans(self._catalogs))
            except CatalogBehindError as error:
                if await self._refresh():
                    continue
                if len(batches) > 1:
                    # An earlier catalog would leave out what was declared since, for all of them.
                    raise
                counted = await self._count_by_earlier(batches[0])
                if counted is None:
                    raise error
                return counted

    async def _count_by_earlier(self, batch: StoredBatch) -> CountedChunk | None:
        for plan in earlier_plans(self._catalogs, batch.app_id):
            try:
                return await self._counter.count([batch], {batch.app_id: plan})
            except CatalogBehindError:
                continue
        return None

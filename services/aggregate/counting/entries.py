"""What aggregate does with the entries of the enriched streams."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack

from libs.common.clock import Clock
from libs.runtime.telemetry import batch_span
from libs.streams.errors import NotYetError, UnreadableError
from libs.streams.groups import Entry
from services.aggregate import metrics
from services.aggregate.counting.catalog_counter import CatalogCounter
from services.aggregate.counting.convert import stored_batch
from services.aggregate.gauges.presence import PresenceNotes
from services.aggregate.model import StoredBatch
from services.aggregate.plan import CatalogBehindError
from services.aggregate.ports import ChangePublisher
from services.aggregate.recount.uncounted import UncountedBatches


class EnrichedStreamReader:
    """Counts entries, notes who was there, and publishes what changed."""

    def __init__(
        self,
        counter: CatalogCounter,
        publisher: ChangePublisher,
        presence: PresenceNotes,
        uncounted: UncountedBatches,
        clock: Clock,
        catalog_wait_seconds: float,
    ) -> None:
        self._counter = counter
        self._publisher = publisher
        self._presence = presence
        self._uncounted = uncounted
        self._clock = clock
        self._catalog_wait_seconds = catalog_wait_seconds

    async def count(self, entries: Sequence[Entry]) -> None:
        """Counts all of the entries or none. Raises UnreadableError; NotYetError if the catalogs lack an
        event or app of entries that are not older than `catalog_wait_seconds`, else CatalogBehindError."""
        batches = [stored_batch(entry.fields) for entry in entries]
        with ExitStack() as spans:
            for batch in batches:
                spans.enter_context(_span(batch))
            try:
                counted = await self._counter.count(batches)
            except CatalogBehindError as error:
                if any(self._is_new(entry) for entry in entries):
                    raise NotYetError(str(error)) from None
                raise
        metrics.BATCHES.inc(counted.batches)
        metrics.DUPLICATES.inc(counted.duplicates)
        for app_id, events in counted.events.items():
            metrics.EVENTS.labels(app_id).inc(events)
        # After the commit, and before the entries are acknowledged: what is lost in between is noted again.
        if counted.signs:
            await self._presence.note(counted.signs)
        if counted.changed and await self._publisher.has_watchers():
            await self._publisher.publish(counted.states())

    async def quarantine(self, entries: Sequence[Entry]) -> None:
        """Has what can be counted of the entries counted from the stored events. Raises UnreadableError at
        the end, so that they are quarantined."""
        for entry in entries:
            await self._uncounted.mark(stored_batch(entry.fields))
        raise UnreadableError("too many attempts failed")

    def _is_new(self, entry: Entry) -> bool:
        added_ms = int(entry.entry_id.partition(b"-")[0])
        return self._clock.now_us() / 1e6 - added_ms / 1e3 < self._catalog_wait_seconds


def _span(batch: StoredBatch) -> AbstractContextManager[str]:
    return batch_span(
        "aggregate.batch", batch.traceparent, app_id=batch.app_id, events=len(batch.events)
    )

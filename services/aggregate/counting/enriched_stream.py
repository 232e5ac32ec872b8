"""What aggregate does with the entries of the enriched streams."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack

from libs.runtime.telemetry import batch_span
from libs.streams.groups import Entry
from services.aggregate import metrics
from services.aggregate.convert import stored_batch
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.model import StoredBatch
from services.aggregate.ports import ChangePublisher


class EnrichedStreamReader:
    """Counts entries, and publishes what changed."""

    def __init__(self, counter: BatchCounter, publisher: ChangePublisher) -> None:
        self._counter = counter
        self._publisher = publisher

    async def count(self, entries: Sequence[Entry]) -> None:
        """Counts all of the entries or none. Raises UnreadableError, CatalogBehindError."""
        batches = [stored_batch(entry.fields) for entry in entries]
        with ExitStack() as spans:
            for batch in batches:
                spans.enter_context(_span(batch))
            applied = await self._counter.apply(batches)
        metrics.BATCHES.inc(applied.batches)
        metrics.DUPLICATES.inc(applied.duplicates)
        for app_id, events in applied.events.items():
            metrics.EVENTS.labels(app_id).inc(events)
        await self._publisher.publish(applied.states)


def _span(batch: StoredBatch) -> AbstractContextManager[str]:
    return batch_span(
        "aggregate.apply", batch.traceparent, app_id=batch.app_id, events=len(batch.events)
    )

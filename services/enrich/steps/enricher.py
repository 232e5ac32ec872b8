"""Enriches the events of a batch with what follows from each event alone; no look-ups."""

from functools import lru_cache

from libs.catalog import retention_class
from libs.catalog.event_words import ENVIRONMENTS, PRODUCERS
from libs.common.ids import event_uuid
from services.enrich.model import EnrichedEvent, WorkBatch
from services.enrich.steps.context_enrichment import MAX_CACHED_BYTES, ContextReaders


class Enricher:
    """Runs the context steps that the batch's app has switched on, over the events that are not skipped. An
    event at which a step raises fails; the others of its batch go on."""

    def __init__(self, readers: ContextReaders) -> None:
        self._readers = readers

    def enrich(self, batch: WorkBatch) -> None:
        """Fills in `enriched`, and `failed` with the events that cannot be enriched."""
        read, read_cached = self._readers.reader(batch.steps)
        enriched = batch.enriched = []
        skipped = batch.skipped
        for position, event in enumerate(batch.events):
            if skipped and position in skipped:
                enriched.append(None)
                continue
            try:
                timestamp = event.occurred_at
                context = event.context.SerializeToString()
                uuid, is_uuid = event_uuid(event.event_id)
                enriched.append(
                    EnrichedEvent(
                        event,
                        uuid,
                        is_uuid,
                        timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000,
                        event.session_id,
                        PRODUCERS[event.producer],
                        ENVIRONMENTS[event.environment],
                        _retention_class(event.retention_days),
                        (read_cached if len(context) <= MAX_CACHED_BYTES else read)(context),
                    )
                )
            except Exception as error:
                enriched.append(None)
                # The error's message may hold personal data, its type cannot.
                batch.fail(position, f"{type(error).__name__} while enriching")


@lru_cache(maxsize=4_096)
def _retention_class(days: int) -> str:
    return retention_class(days or None)

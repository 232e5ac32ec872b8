"""Entries of the enriched stream as batches to count."""

from google.protobuf.message import DecodeError

from libs.streams.entries import Fields, enriched_batch
from libs.streams.errors import UnreadableError
from services.aggregate.model import StoredBatch

_BATCH_ID_BYTES = 16


def stored_batch(fields: Fields) -> StoredBatch:
    """The batch of a stream entry. Raises UnreadableError."""
    try:
        enriched, batch = enriched_batch(fields)
    except KeyError:
        raise UnreadableError("it has no field `batch`") from None
    except DecodeError:
        raise UnreadableError("it is not a protobuf message of the kind expected") from None
    if len(batch.batch_id) != _BATCH_ID_BYTES:
        raise UnreadableError("the batch id does not have 16 bytes")
    enrichment_of_event = list(enriched.enrichment_of_event)
    if len(enrichment_of_event) != len(batch.events):
        raise UnreadableError("there is not one enrichment for each event")
    if enrichment_of_event and max(enrichment_of_event) >= len(enriched.enrichments):
        raise UnreadableError("it names an enrichment that it does not have")
    return StoredBatch(
        batch.batch_id,
        batch.app_id,
        batch.events,
        enriched.enrichments,
        enrichment_of_event,
        frozenset(enriched.skipped),
        fields.get(b"trace", b"").decode(errors="replace"),
        batch.received_at_us,
    )

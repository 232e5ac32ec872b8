"""The entries of enrich's streams as values of `model`, and back."""

import uuid

from google.protobuf.message import DecodeError
from weir.streams.v1 import batch_pb2

from libs.catalog import ENRICHED_SOURCES
from libs.common.ids import event_uuid
from libs.common.sharding import shard_in
from libs.streams.compression import compress, decompress
from libs.streams.day_only import says_day_only
from libs.streams.entries import raw_batch
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from services.enrich.model import NOTHING_FOUND, WorkBatch
from services.enrich.sealing.removal import remove_properties


def work_batch(entry: Entry) -> WorkBatch:
    """The batch in an entry of the raw stream. Raises UnreadableError."""
    skip = entry.fields.get(b"skip", b"")
    try:
        message = raw_batch(entry.fields)
        skipped = {int(position) for position in skip.split(b",")} if skip else set()
    except KeyError:
        raise UnreadableError("it has no field `batch`") from None
    except (DecodeError, ValueError):
        raise UnreadableError("it is not a batch") from None
    if len(message.batch_id) != 16:
        raise UnreadableError("the batch id does not have 16 bytes")
    return WorkBatch(
        batch_id=message.batch_id,
        app_id=message.app_id,
        shard=shard_in(entry.stream),
        received_at_us=message.received_at_us,
        events=message.events,
        payload=entry.fields[b"batch"],
        size_bytes=entry.size_bytes,
        traceparent=entry.fields.get(b"trace", b"").decode("ascii", "replace"),
        skipped=skipped,
    )


def enriched_batch(batch: WorkBatch) -> bytes:
    """The entry for the enriched stream. Nothing is found for events that failed or are fenced, and for those
    that were skipped from the start."""
    enrichments = [event.context.enrichment if event else NOTHING_FOUND for event in batch.enriched]
    for position in batch.fenced:
        enrichments[position] = NOTHING_FOUND
    # By identity, which equal ones share; hashing their values would cost more.
    keys = list(map(id, enrichments))
    distinct = dict(zip(keys, enrichments, strict=True))
    index = {key: position for position, key in enumerate(distinct)}
    message = batch_pb2.EnrichedBatch(
        event_batch=_handed_on(batch),
        skipped=sorted(batch.skipped),
        enrichments=[
            batch_pb2.Enrichment(**dict(zip(ENRICHED_SOURCES, enrichment.values, strict=True)))
            for enrichment in distinct.values()
        ],
        enrichment_of_event=list(map(index.__getitem__, keys)),
    )
    return bytes(message.SerializeToString())


def _handed_on(batch: WorkBatch) -> bytes:
    """The batch as it came, but for values that are stored sealed, and for fenced events: readers count by
    position, so an empty one takes the place of each."""
    has_sealed = batch.sealed and any(event.name in batch.sealed for event in batch.events)
    if not has_sealed and not batch.fenced:
        return batch.payload
    message = batch_pb2.EventBatch.FromString(decompress(batch.payload))
    for position in batch.fenced:
        message.events[position].Clear()
    if has_sealed:
        for event in message.events:
            remove_properties(event, batch.sealed)
    return compress(message.SerializeToString())


def dead_letters(batch: WorkBatch) -> bytes:
    """The entry for the dead letter stream, with the batch's failed events. The ids follow from batch and
    position, so that each letter is kept once if it is written twice."""
    letters = [
        batch_pb2.DeadLetter(
            dead_letter_id=_letter_id(batch, failed.position),
            app_id=batch.app_id,
            stage="enrich",
            received_at_us=batch.received_at_us,
            reason="PROCESSING_FAILED",
            message=failed.reason,
            event=batch.events[failed.position],
            content="reduced" if failed.is_reduced else "whole",
        )
        for failed in batch.failed
    ]
    return bytes(batch_pb2.DeadLetterBatch(dead_letters=letters).SerializeToString())


def _letter_id(batch: WorkBatch, position: int) -> bytes:
    """Of a counts-only event from its own id, which is a keyed hash: the batch's would lead to when it was
    stored."""
    if says_day_only(batch.received_at_us):
        namespace, _ = event_uuid(batch.events[position].event_id)
        return uuid.uuid5(uuid.UUID(bytes=namespace), batch.app_id).bytes
    return uuid.uuid5(uuid.UUID(bytes=batch.batch_id), str(position)).bytes

"""Protos and domain, both ways."""

import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.common.sharding import shard_in
from libs.common.structs import plain_struct
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from services.enrich.model import Device, Enrichment, FailedEvent, WorkBatch
from services.enrich.steps.context_enrichment import jsonb

parse_context = event_pb2.Context.FromString
NOTHING = Enrichment("", Device())


def plain_context(context: Any) -> dict[str, Any]:
    """A Context as a dict of its non-empty fields."""
    values = {field.name: value for field, value in context.ListFields()}
    if "extra" in values:
        try:
            values["extra"] = plain_struct(values["extra"])
        except ValueError:
            # NaN and the like. What surrounds an event is not worth losing it for.
            del values["extra"]
    return values


def attribution_jsonb(attribution: Any) -> bytes:
    """An Attribution as binary jsonb, without its empty fields."""
    return jsonb({field.name: value for field, value in attribution.ListFields()})


def work_batch(entry: Entry) -> WorkBatch:
    """The batch in an entry of the raw stream. Raises UnreadableError."""
    skip = entry.fields.get(b"skip", b"")
    try:
        payload = entry.fields[b"batch"]
        message = batch_pb2.EventBatch.FromString(payload)
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
        payload=payload,
        traceparent=entry.fields.get(b"trace", b"").decode("ascii", "replace"),
        skipped=skipped,
    )


def enriched_batch(batch: WorkBatch) -> bytes:
    """The entry for the enriched stream."""
    # Findings are told apart by identity, which is what they share; hashing them would cost more.
    findings = {id(finding): finding for finding in batch.findings}
    places = {key: place for place, key in enumerate(findings)}
    return bytes(
        batch_pb2.EnrichedBatch(
            event_batch=batch.payload,
            skipped=sorted(batch.skipped),
            enrichments=[_enrichment(finding or NOTHING) for finding in findings.values()],
            enrichment_of_event=[places[id(finding)] for finding in batch.findings],
        ).SerializeToString()
    )


def _enrichment(finding: Enrichment) -> batch_pb2.Enrichment:
    device = finding.device
    return batch_pb2.Enrichment(
        country=finding.country,
        device_type=device.device_type,
        os=device.os,
        browser=device.browser,
        os_version=device.os_version,
        browser_version=device.browser_version,
        device_brand=device.brand,
        device_model=device.model,
    )


def dead_letters(batch: WorkBatch, failed: Sequence[FailedEvent]) -> bytes:
    """The entry for the dead letter stream. The ids follow from batch and position, so that writing
    it twice keeps each letter once."""
    return bytes(
        batch_pb2.DeadLetterBatch(
            dead_letters=[
                batch_pb2.DeadLetter(
                    dead_letter_id=uuid.uuid5(
                        uuid.UUID(bytes=batch.batch_id), str(item.position)
                    ).bytes,
                    app_id=batch.app_id,
                    stage="enrich",
                    received_at_us=batch.received_at_us,
                    reason="PROCESSING_FAILED",
                    message=item.reason,
                    event=batch.events[item.position],
                )
                for item in failed
            ]
        ).SerializeToString()
    )

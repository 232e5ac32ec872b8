"""Protos and domain, both ways."""

import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from weir.common.v1 import event_pb2
from weir.pipeline.v1 import batch_pb2

from libs.common.streams import Entry
from libs.common.structs import plain_struct
from services.enrich.model import ContextFacts, Poison, WorkBatch

ATTRIBUTION_FIELDS = ("source", "medium", "campaign", "term", "content")

parse_context = event_pb2.Context.FromString
plain_extra = plain_struct


def work_batch(entry: Entry, shard: int) -> WorkBatch:
    """The batch in an entry of the raw stream; raises DecodeError or KeyError for what is none."""
    payload = entry.fields[b"batch"]
    message = batch_pb2.EventBatch.FromString(payload)
    skip = entry.fields.get(b"skip", b"")
    return WorkBatch(
        batch_id=message.batch_id,
        app_id=message.app_id,
        shard=shard,
        received_at_us=message.received_at_us,
        events=message.events,
        payload=payload,
        traceparent=entry.fields.get(b"trace", b"").decode("ascii", "replace"),
        skipped={int(position) for position in skip.split(b",")} if skip else set(),
    )


def attribution_json(attribution: Any) -> bytes:
    """An Attribution as JSON, without its empty fields."""
    values = {name: v for name in ATTRIBUTION_FIELDS if (v := getattr(attribution, name))}
    return orjson.dumps(values).replace(b"\\u0000", b"\\ufffd")


def enrichment(facts: ContextFacts, session_started_at_us: int) -> batch_pb2.Enrichment:
    """What aggregate is told about an event."""
    return batch_pb2.Enrichment(
        country=facts.country,
        device_type=facts.device.device_type,
        os=facts.device.os,
        browser=facts.device.browser,
        session_started_at_us=session_started_at_us,
    )


def enriched_batch(batch: WorkBatch) -> bytes:
    """The entry for the enriched stream."""
    return bytes(
        batch_pb2.EnrichedBatch(
            event_batch=batch.payload,
            skipped=sorted(batch.skipped),
            enrichments=batch.enrichments,
        ).SerializeToString()
    )


def dead_letters(batch: WorkBatch, poison: Sequence[Poison]) -> bytes:
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
                for item in poison
            ]
        ).SerializeToString()
    )

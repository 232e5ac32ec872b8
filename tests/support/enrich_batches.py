"""Batches as enrich receives them, and enrichment as its pipeline runs it."""

import uuid
from datetime import UTC, datetime
from typing import Any

from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.common.ids import new_uuid7
from libs.streams.groups import Entry
from services.enrich import convert
from services.enrich.model import WorkBatch
from services.enrich.steps.context_enrichment import ContextReaders
from services.enrich.steps.country import country_lookup, country_step
from services.enrich.steps.enricher import Enricher
from services.enrich.steps.user_agent import USER_AGENT_STEP
from services.enrich.storage.rows import COLUMNS
from tests.support.events import event_at

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_US = 1_795_176_000_000_000
CONTEXT_STEPS = (country_step(country_lookup(None)), USER_AGENT_STEP)


def event(event_id: str = "e1", at_us: int = NOON_US, **fields: Any) -> event_pb2.Event:
    """An event with what ingest fills in."""
    return event_at(at_us, event_id, **{"properties_json": b"{}", **fields})


def entry_of(
    *events: event_pb2.Event,
    app_id: str = "chess",
    batch_id: bytes = b"",
    skip: bytes = b"",
    shard: int = 0,
) -> Entry:
    """The entry of a raw stream; without `batch_id`, of a new batch."""
    batch = batch_pb2.EventBatch(
        app_id=app_id, batch_id=batch_id or new_uuid7(), received_at_us=NOON_US, events=events
    )
    fields = {b"batch": batch.SerializeToString(), b"trace": b"t", b"skip": skip}
    return Entry(b"ingest:{%d}:raw" % shard, b"1-0", fields)


def work_batch(*events: event_pb2.Event, name: str = "", **batch: Any) -> WorkBatch:
    """A batch that is not enriched yet; batches of one `name` have one id."""
    batch_id = uuid.uuid5(uuid.NAMESPACE_OID, name).bytes if name else b""
    return convert.work_batch(entry_of(*events, batch_id=batch_id, **batch))


def enriched(batch: WorkBatch) -> WorkBatch:
    """The batch after the context steps that it has switched on."""
    Enricher(ContextReaders(CONTEXT_STEPS)).enrich(batch)
    return batch


def columns_of(row: bytes) -> dict[str, bytes | None]:
    """The columns of a row in the form of binary COPY: each value's bytes, None for NULL."""
    values: list[bytes | None] = []
    place = 2
    while place < len(row):
        length = int.from_bytes(row[place : place + 4], "big", signed=True)
        place += 4
        values.append(None if length < 0 else row[place : place + length])
        place += max(length, 0)
    assert place == len(row)
    assert int.from_bytes(row[:2], "big") == len(values)
    return dict(zip(COLUMNS, values, strict=True))

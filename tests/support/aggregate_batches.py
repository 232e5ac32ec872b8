"""Events of the arena catalog as ingest leaves them, and batches of them as enrich writes them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.common.ids import new_uuid7
from services.aggregate.counting.convert import stored_batch
from services.aggregate.model import StoredBatch
from tests.support.arena_catalog import APP

RECEIVED_US = 1_777_000_000_000_000  # 2026-04-24T03:06:40Z


def at(text: str) -> datetime:
    """A moment from ISO 8601, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def seconds(text: str) -> int:
    """The same as seconds since the epoch."""
    return int(at(text).timestamp())


def event(
    name: str = "match.ended",
    when: str = "2026-04-27T10:20:30",
    *,
    player: str = "",
    pseudonym: str = "",
    guild: str = "",
    properties: Mapping[str, object] | None = None,
    producer: event_pb2.Producer = event_pb2.PRODUCER_SERVER,
    environment: event_pb2.Environment = event_pb2.ENVIRONMENT_UNSPECIFIED,
    entity_type: str = "",
    platform: str = "",
    event_id: str = "e",
) -> event_pb2.Event:
    """An event as ingest hands it on."""
    message = event_pb2.Event(
        event_id=event_id,
        name=name,
        producer=producer,
        environment=environment,
        subject_id=player,
        anonymous_id=pseudonym,
        group_id=guild,
        properties_json=orjson.dumps(properties or {}),
    )
    if entity_type:
        message.entity.type = entity_type
    if platform:
        message.context.platform = platform
    message.occurred_at.FromDatetime(at(when).replace(tzinfo=None))
    return message


def entry(
    *events: event_pb2.Event,
    batch_id: bytes | None = None,
    app_id: str = APP,
    skipped: Sequence[int] = (),
    countries: Sequence[str] = (),
    received_at_us: int = RECEIVED_US,
) -> dict[bytes, bytes]:
    """The fields of a stream entry; `countries` is one for each event, by default none."""
    batch = batch_pb2.EventBatch(
        app_id=app_id,
        batch_id=batch_id or new_uuid7(),
        received_at_us=received_at_us,
        events=events,
    )
    found = list(countries) or [""] * len(events)
    distinct = sorted(set(found))
    enriched = batch_pb2.EnrichedBatch(
        event_batch=batch.SerializeToString(),
        skipped=skipped,
        enrichments=[batch_pb2.Enrichment(country=country) for country in distinct],
        enrichment_of_event=[distinct.index(country) for country in found],
    )
    return {b"batch": enriched.SerializeToString(), b"trace": b""}


def batch(
    *events: event_pb2.Event,
    batch_id: bytes | None = None,
    app_id: str = APP,
    skipped: Sequence[int] = (),
    countries: Sequence[str] = (),
    received_at_us: int = RECEIVED_US,
) -> StoredBatch:
    """A batch as the consumer decodes it."""
    fields = entry(
        *events,
        batch_id=batch_id,
        app_id=app_id,
        skipped=skipped,
        countries=countries,
        received_at_us=received_at_us,
    )
    return stored_batch(fields)

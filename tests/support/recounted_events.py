"""Events that are both stored and on their way to be counted, so that a recount can be compared."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from google.protobuf import json_format
from weir.common.v1 import event_pb2

from libs.common.ids import new_uuid7
from tests.support import stored_events
from tests.support.aggregate_batches import entry

_STORE_BATCH = "INSERT INTO enrich.batches (batch_id, skipped) VALUES (%s, '{}')"


def store(
    database_url: str,
    *events: event_pb2.Event,
    countries: Sequence[str] = (),
    batch_id: bytes = b"",
) -> dict[bytes, bytes]:
    """Stores the events of one batch as enrich does; returns its entry of the stream for aggregate."""
    batch_id = batch_id or new_uuid7()
    with psycopg.connect(database_url) as connection:
        connection.execute(_STORE_BATCH, [uuid.UUID(bytes=batch_id)])
    found = countries or [""] * len(events)
    rows = [_row(event, country) for event, country in zip(events, found, strict=True)]
    stored_events.store(database_url, rows)
    return entry(*events, batch_id=batch_id, countries=countries)


def _row(event: event_pb2.Event, country: str) -> Mapping[str, Any]:
    fields = ("subject_id", "anonymous_id", "session_id", "group_id")
    columns: dict[str, Any] = {field: getattr(event, field) or None for field in fields}
    for field in ("context", "attribution"):
        if event.HasField(field):
            part = getattr(event, field)
            columns[field] = json_format.MessageToDict(part, preserving_proto_field_name=True)
    return stored_events.row(
        event.name,
        event.occurred_at.ToDatetime().isoformat(),
        # Most tests give all events one id.
        None if event.event_id == "e" else event.event_id,
        schema_version=event.schema_version,
        producer=event_pb2.Producer.Name(event.producer).removeprefix("PRODUCER_").lower(),
        entity_type=event.entity.type or None,
        entity_id=event.entity.id or None,
        country=country or None,
        # As it was sent, so that Postgres reads each number itself.
        properties=event.properties_json.decode(),
        **columns,
    )

"""Enrich's tables, as the migrations leave them."""

from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from libs.catalog import ENRICHED_FIELDS, FieldKind
from libs.stores.postgres import service_metadata

_TYPES: dict[FieldKind, TypeEngine[Any]] = {
    FieldKind.TEXT: Text(),
    FieldKind.TIME: DateTime(timezone=True),
}
metadata = service_metadata("enrich")

events = Table(
    "events",
    metadata,
    Column("event_uuid", Uuid, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("app_id", Text, nullable=False),
    Column("retention_class", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("schema_version", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("environment", Text, nullable=False),
    # Empty if it is the UUID itself.
    Column("event_id", Text),
    Column("subject_id", Text),
    Column("anonymous_id", Text),
    Column("session_id", Text),
    Column("group_id", Text),
    Column("entity_type", Text),
    Column("entity_id", Text),
    Column("request_id", Text),
    # What the enrichment steps find.
    *(Column(field.name, _TYPES[field.kind]) for field in ENRICHED_FIELDS),
    Column("context", JSONB),
    Column("attribution", JSONB),
    Column("properties", JSONB, nullable=False),
    UniqueConstraint("event_uuid", "occurred_at", "app_id", "retention_class", name="uq_events"),
    postgresql_partition_by="LIST (retention_class)",
)
Index("ix_events_app_id_name_occurred_at", events.c.app_id, events.c.name, events.c.occurred_at)
for column in (events.c.subject_id, events.c.group_id):
    Index(
        f"ix_events_app_id_{column.name}_occurred_at",
        events.c.app_id,
        column,
        events.c.occurred_at,
        postgresql_where=column.is_not(None),
    )

EVENT_COLUMNS = tuple(column.name for column in events.columns)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # Positions in the batch that it did not store: duplicates and failed events.
    Column("skipped", ARRAY(Integer), nullable=False),
)

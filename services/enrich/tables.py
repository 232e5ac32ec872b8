"""Enrich's tables, as the migrations leave them."""

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

from libs.stores.postgres import service_metadata

metadata = service_metadata("enrich")

events = Table(
    "events",
    metadata,
    Column("event_uuid", Uuid, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("session_started_at", DateTime(timezone=True)),
    Column("app_id", Text, nullable=False),
    Column("retention_class", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("schema_version", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("environment", Text, nullable=False),
    # Only where it is not the UUID itself.
    Column("event_id", Text),
    Column("subject_id", Text),
    Column("anonymous_id", Text),
    Column("session_id", Text),
    Column("group_id", Text),
    Column("entity_type", Text),
    Column("entity_id", Text),
    Column("request_id", Text),
    Column("country", Text),
    Column("device_type", Text),
    Column("os", Text),
    Column("browser", Text),
    Column("os_version", Text),
    Column("browser_version", Text),
    Column("device_brand", Text),
    Column("device_model", Text),
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
    # Positions in the batch that it did not store: duplicates and poison.
    Column("skipped", ARRAY(Integer), nullable=False),
)

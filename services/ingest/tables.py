"""Ingest's tables, as the migrations leave them."""

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from libs.stores.postgres import service_metadata

metadata = service_metadata("ingest")

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dead_letter_id", Uuid, primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("app_id", Text, nullable=False),
    # `ingest` or `enrich`: the service at which the event failed.
    Column("stage", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("subject_id", Text),
    # A serialized weir.common.v1.Event.
    Column("event", LargeBinary, nullable=False),
    Index(None, "app_id", "received_at"),
)

# What was erased so far for a request, and where the work goes on.
erasures = Table(
    "erasures",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("position", JSONB, nullable=False),
    # By store, how many rows are gone, and how many stayed.
    Column("stores", JSONB, nullable=False),
    # By names of events, the days on which some were erased or changed.
    Column("changed", JSONB, nullable=False),
)

# Until when nothing of a person is stored any more.
fences = Table(
    "fences",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("person", Uuid, primary_key=True),
    Column("fenced_at", DateTime(timezone=True), nullable=False),
)

"""Ingest's tables, as the migrations leave them."""

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, Text, Uuid

from libs.stores.erasure_tables import erasures_table, fences_table
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
    # How much it holds of the event that was sent: a `LetterContent`.
    Column("content", Text, nullable=False, server_default=""),
    Index(None, "app_id", "received_at"),
)

erasures = erasures_table(metadata)
fences = fences_table(metadata)

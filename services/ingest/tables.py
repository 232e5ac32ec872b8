"""Ingest's tables, as the migrations leave them."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from libs.stores.erasure_tables import erasures_table, fences_table
from libs.stores.postgres import NO_STATISTICS, service_metadata

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
    Column("field", Text, nullable=False, info=NO_STATISTICS),
    Column("message", Text, nullable=False, info=NO_STATISTICS),
    Column("event_id", Text, nullable=False, info=NO_STATISTICS),
    Column("name", Text, nullable=False, info=NO_STATISTICS),
    Column("subject_id", Text, info=NO_STATISTICS),
    # A serialized weir.common.v1.Event.
    Column("event", LargeBinary, nullable=False, info=NO_STATISTICS),
    # How much it holds of the event that was sent: a `LetterContent`.
    Column("content", Text, nullable=False, server_default=""),
    # For how many days the event may be kept by its own fields. NULL: they set no limit, or a release before
    # this one wrote it.
    Column("kept_days", Integer),
    # The order of pages: in apps that keep the day alone, all of a day have the same `received_at`.
    Index(None, "app_id", "received_at", "dead_letter_id"),
)

# Replays of dead letters that were asked for.
replays = Table(
    "replays",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("request_id", Uuid, primary_key=True),
    # The fields of a `LetterSelection`.
    Column("selection", JSONB, nullable=False, info=NO_STATISTICS),
    Column("dry_run", Boolean, nullable=False),
    Column("events_per_second", Integer, nullable=False),
    Column("max_rejected_share", Double, nullable=False),
    Column("requested_by", Text, nullable=False, info=NO_STATISTICS),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default="running"),
    Column("stopped_because", Text, nullable=False, server_default=""),
    # When the next part may begin.
    Column("next_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("finished_at", DateTime(timezone=True)),
    # When the last letter so far was received, and its id.
    Column("position", JSONB),
    # By the reason that letters had, how many had which fate.
    Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
    # By the reason that letters have now.
    Column("rejected_now", JSONB, nullable=False, server_default=text("'{}'")),
)
Index("ix_replays_next_at", replays.c.next_at, postgresql_where=replays.c.finished_at.is_(None))

erasures = erasures_table(metadata)
fences = fences_table(metadata)

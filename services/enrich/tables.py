"""Enrich's tables, as the migrations leave them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    func,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from libs.catalog import ENRICHED_FIELDS, EnrichedField, FieldKind
from libs.stores.erasure_tables import erasures_table, fences_table
from libs.stores.postgres import NO_STATISTICS, service_metadata

metadata = service_metadata("enrich")


def _enriched_column(field: EnrichedField) -> Column[Any]:
    match field.kind:
        case FieldKind.TEXT:
            # May be what the sender wrote as its user agent.
            return Column(field.name, Text, info=NO_STATISTICS)
        case FieldKind.TIME:
            return Column(field.name, DateTime(timezone=True))


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
    Column("producer", Text, nullable=False, info=NO_STATISTICS),
    Column("environment", Text, nullable=False, info=NO_STATISTICS),
    # Empty if it is the UUID itself.
    Column("event_id", Text, info=NO_STATISTICS),
    Column("subject_id", Text, info=NO_STATISTICS),
    Column("anonymous_id", Text, info=NO_STATISTICS),
    Column("session_id", Text, info=NO_STATISTICS),
    Column("group_id", Text, info=NO_STATISTICS),
    Column("entity_type", Text, info=NO_STATISTICS),
    Column("entity_id", Text, info=NO_STATISTICS),
    Column("request_id", Text, info=NO_STATISTICS),
    # What the enrichment steps find.
    *map(_enriched_column, ENRICHED_FIELDS),
    Column("context", JSONB, info=NO_STATISTICS),
    Column("attribution", JSONB, info=NO_STATISTICS),
    Column("properties", JSONB, nullable=False, info=NO_STATISTICS),
    # Whom it is about, for all numbers: `libs.common.pseudonym.person_of`. NULL also in rows of releases
    # without this column, until the job `enrich.fill_person` has been there.
    Column("person", Uuid),
    # What the sender said.
    Column("privacy_level", Text),
    Column("consent_given", Boolean),
    # Ingest truncates each address, or removes it.
    Column("ip_anonymized", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("event_uuid", "occurred_at", "app_id", "retention_class", name="uq_events"),
    postgresql_partition_by="LIST (retention_class)",
)
_COLUMNS = events.c
# With what behaviour queries ask for, so that they need not look into the table (ADR 30).
Index(
    "ix_events_app_id_name_occurred_at",
    _COLUMNS.app_id,
    _COLUMNS.name,
    _COLUMNS.occurred_at,
    postgresql_include=["person"],
)
Index(
    "ix_events_app_id_person_occurred_at",
    _COLUMNS.app_id,
    _COLUMNS.person,
    _COLUMNS.occurred_at,
    postgresql_include=["name"],
    postgresql_where=_COLUMNS.person.is_not(None),
)
Index(
    "ix_events_app_id_group_id_occurred_at",
    _COLUMNS.app_id,
    _COLUMNS.group_id,
    _COLUMNS.occurred_at,
    postgresql_where=_COLUMNS.group_id.is_not(None),
)
# Of rows that are still to get their person: empty but for what older releases stored (ADR 31).
Index(
    "ix_events_without_person",
    _COLUMNS.app_id,
    _COLUMNS.subject_id,
    _COLUMNS.occurred_at,
    postgresql_where=and_(
        _COLUMNS.person.is_(None),
        or_(_COLUMNS.subject_id.is_not(None), _COLUMNS.anonymous_id.is_not(None)),
    ),
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

# The journal of the archive (ADR 52).
archive_files = Table(
    "archive_files",
    metadata,
    Column("file_id", Uuid, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("state", Text, nullable=False),
    # NULL while the file is being made.
    Column("archived_at", DateTime(timezone=True)),
    Column("events", BigInteger),
    Column("digest", Numeric),
    Column("names", JSONB),
    Column("first_at", DateTime(timezone=True)),
    Column("last_at", DateTime(timezone=True)),
    Column("size_bytes", BigInteger),
    Column("sha256", Text),
    CheckConstraint("state IN ('writing', 'taken', 'published', 'leaving')", name="state"),
    CheckConstraint(
        "state = 'writing' OR num_nulls(archived_at, events, digest, names, first_at, last_at,"
        " size_bytes, sha256) = 0",
        name="facts",
    ),
    Index(None, "app_id", "day"),
)

erasures = erasures_table(metadata)
fences = fences_table(metadata)

# Grows with each fence; one row.
fence_epoch = Table(
    "fence_epoch",
    metadata,
    Column(
        "singleton",
        Boolean,
        CheckConstraint("singleton", "singleton"),
        primary_key=True,
        server_default=true(),
    ),
    Column("epoch", BigInteger, nullable=False),
)

# The files that the erasure of a person has looked at.
archive_erasures = Table(
    "archive_erasures",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("file_id", Uuid, primary_key=True),
    Column("erased", BigInteger, nullable=False),
    Column("anonymized", BigInteger, nullable=False),
    Column("withheld", BigInteger, nullable=False),
)

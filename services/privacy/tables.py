"""Privacy's tables, as the migrations leave them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    Sequence,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from libs.stores.postgres import NO_STATISTICS, service_metadata

metadata = service_metadata("privacy")

# A version is drawn for each attempt to record, and never given back: of two versions of one
# subject, the higher one was drawn later.
consent_version = Sequence("consent_version", metadata=metadata, data_type=BigInteger)

# What is in force: the latest choice of each person and purpose.
consents = Table(
    "consents",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True, info=NO_STATISTICS),
    Column("purpose", Text, primary_key=True),
    Column("granted", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    # `granted`, `denied`, `withdrawn` or `objected`; none if an older release recorded it. Of the purpose
    # `*`, which says whether processing is restricted, `restricted` or `lifted`.
    Column("status", Text),
    # When a grant ends by its own recording.
    Column("expires_at", DateTime(timezone=True)),
    Column("by_guardian", Boolean, nullable=False, server_default="false"),
    # Of the row with an empty purpose.
    Column("age_band", Text),
    Index(
        "ix_consents_restricted",
        "app_id",
        "subject_id",
        postgresql_where=text("purpose = '*' AND status = 'restricted'"),
    ),
)

# The last number that a recording of each app has got, and of the last one that watchers can no longer get.
consent_changes = Table(
    "consent_changes",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    Column("forgotten_through", BigInteger, nullable=False, server_default="0"),
)

# Every choice ever recorded. Triggers refuse changes, unless a transaction says
# `SET LOCAL weir.erasure = 'on'`; `change_number` is set once.
consent_history = Table(
    "consent_history",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True, info=NO_STATISTICS),
    Column("version", BigInteger, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("granted", Boolean, nullable=False),
    Column("actor", Text, nullable=False, info=NO_STATISTICS),
    Column("method", Text, nullable=False, info=NO_STATISTICS),
    Column("notice_version", Text, nullable=False, info=NO_STATISTICS),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("status", Text),
    Column("expires_at", DateTime(timezone=True)),
    Column("source", Text, nullable=False, server_default="", info=NO_STATISTICS),
    Column("actor_role", Text, nullable=False, server_default=""),
    Column("age_band", Text),
    # The recording's place in the app's changes; it gets one soon after its commit.
    Column("change_number", BigInteger),
    Index("ix_consent_history_app_id_change_number", "app_id", "change_number"),
    Index(
        "ix_consent_history_unnumbered",
        "app_id",
        "version",
        postgresql_where=text("change_number IS NULL"),
    ),
)

# The audit trail. Triggers refuse changes; `sequence` and the hashes are set once, when an entry is chained.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("occurred_at", DateTime(timezone=True), primary_key=True),
    Column("entry_id", Uuid, primary_key=True),
    Column("actor", Text, nullable=False, info=NO_STATISTICS),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("request_id", Text, nullable=False, info=NO_STATISTICS),
    Column("trace_id", Text, nullable=False, info=NO_STATISTICS),
    Column("details", JSONB, nullable=False, info=NO_STATISTICS),
    Column("sequence", BigInteger),
    Column("previous_hash", LargeBinary, info=NO_STATISTICS),
    Column("hash", LargeBinary, info=NO_STATISTICS),
    CheckConstraint("num_nulls(sequence, previous_hash, hash) IN (0, 3)", name="chained"),
    Index(
        "uq_audit_entries_sequence",
        "app_id",
        "sequence",
        unique=True,
        postgresql_where=text("sequence IS NOT NULL"),
    ),
    Index(
        "ix_audit_entries_unchained",
        "app_id",
        "occurred_at",
        "entry_id",
        postgresql_where=text("sequence IS NULL"),
    ),
    Index(
        "ix_audit_entries_subject",
        "app_id",
        "subject",
        "occurred_at",
        postgresql_where=text("subject <> ''"),
    ),
)

# Behind what was pruned of each app's chain, signed.
audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

# A key of each person, wrapped with a key that the database does not have. A destroyed one is empty: a row
# stays, so that none is made for what occurred before. A trigger refuses to bring one back. A retired one
# seals nothing any more.
subject_keys = Table(
    "subject_keys",
    metadata,
    Column("key_id", Uuid, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("person", Uuid, nullable=False),
    Column("wrapped_key", LargeBinary, info=NO_STATISTICS),
    Column("wrapping_key_id", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("retired_at", DateTime(timezone=True)),
    Column("destroyed_at", DateTime(timezone=True)),
    # Of the key of a person who was erased: when the erasure ended, if it stays for events that a law keeps.
    Column("kept_since", DateTime(timezone=True)),
    CheckConstraint(
        "num_nulls(wrapped_key, wrapping_key_id) ="
        " CASE WHEN destroyed_at IS NULL THEN 0 ELSE 2 END",
        name="destroyed",
    ),
    CheckConstraint("destroyed_at IS NULL OR retired_at IS NOT NULL", name="retired"),
    Index(
        "uq_subject_keys_in_use",
        "app_id",
        "person",
        unique=True,
        postgresql_where=text("retired_at IS NULL"),
    ),
    Index(
        "ix_subject_keys_retired",
        "app_id",
        "person",
        "retired_at",
        postgresql_where=text("retired_at IS NOT NULL"),
    ),
    Index(
        "ix_subject_keys_kept",
        "key_id",
        postgresql_where=text("kept_since IS NOT NULL AND destroyed_at IS NULL"),
    ),
    Index(
        "ix_subject_keys_wrapping",
        "wrapping_key_id",
        postgresql_where=text("destroyed_at IS NULL"),
    ),
)

# The end of each app's chain, signed.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

# Retention runs that were asked for; `steps` are the services' own.
# Since when each key is in use that people's keys are wrapped with.
wrapping_keys = Table(
    "wrapping_keys",
    metadata,
    Column("wrapping_key_id", Text, primary_key=True),
    Column("used_since", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

retention_runs = Table(
    "retention_runs",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("steps", JSONB, nullable=False),
    Column("waiting_because", Text, nullable=False),
    Index("ix_retention_runs_requested_at", "requested_at", "request_id"),
)

# Requests about people. `subject` is the pseudonym; the plain id is gone once an erasure is done.
subject_requests = Table(
    "subject_requests",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Text, info=NO_STATISTICS),
    Column("categories", ARRAY(Text), nullable=False),
    Column("parameters", JSONB, nullable=False, info=NO_STATISTICS),
    Column("requester", Text, nullable=False, info=NO_STATISTICS),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("fenced_at", DateTime(timezone=True)),
    Column("done_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("steps", JSONB, nullable=False, info=NO_STATISTICS),
    Column("failure", Text, nullable=False, info=NO_STATISTICS),
    Column("result", JSONB, info=NO_STATISTICS),
    Index("ix_subject_requests_app_id_created_at", "app_id", "created_at", "request_id"),
    Index(
        "ix_subject_requests_open",
        "due_at",
        postgresql_where=text("state IN ('waiting', 'running')"),
    ),
    Index(
        "uq_subject_requests_open_erasure",
        "app_id",
        "subject",
        "categories",
        unique=True,
        postgresql_where=text("kind = 'erasure' AND state IN ('waiting', 'running')"),
    ),
)

# People whose data must be kept, and why.
subject_holds = Table(
    "subject_holds",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("reason", Text, nullable=False, info=NO_STATISTICS),
    Column("placed_by", Text, nullable=False, info=NO_STATISTICS),
    Column("placed_at", DateTime(timezone=True), nullable=False),
)

# The files of exports. A row is there before its file; `person` is a pseudonym.
exports = Table(
    "exports",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("object_key", Text, nullable=False, info=NO_STATISTICS),
    Column("bytes", BigInteger),
    Column("sha256", Text),
    Column("rows", JSONB, info=NO_STATISTICS),
    Column("expires_at", DateTime(timezone=True)),
    # The erasure that wants it gone.
    Column("unwanted_by", Uuid),
    Column("removed_at", DateTime(timezone=True)),
    Index(None, "app_id", "person"),
)

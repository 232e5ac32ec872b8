"""Aggregate's tables, as the migrations leave them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from libs.stores.erasure_tables import erasures_table, fences_table
from libs.stores.postgres import NO_STATISTICS, service_metadata

metadata = service_metadata("aggregate")

# The batches that are counted.
batches = Table(
    "batches",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("applied_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("events", Integer, nullable=False),
)

cells = Table(
    "cells",
    metadata,
    # A hash of the other columns: see `counting.identity.make_cell`.
    Column("cell_id", Uuid, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("rollup", Text, nullable=False),
    Column("bucket", DateTime(timezone=True), nullable=False),
    Column("dimensions", JSONB, nullable=False, info=NO_STATISTICS),
    # The id that the cell has in generation 0; NULL if that is its own.
    Column("first_id", Uuid),
    Index(None, "app_id", "rollup", "bucket"),
)

measures = Table(
    "measures",
    metadata,
    Column("cell_id", Uuid, primary_key=True),
    # The metric's name; of several with the same numbers, the first one's.
    Column("metric", Text, primary_key=True),
    # Events, distinct members, or events with a number, as the metric's kind has it.
    Column("count", BigInteger, nullable=False),
    # These three for numeric kinds only, and only if there was a number.
    Column("total", Numeric),
    Column("minimum", Double),
    Column("maximum", Double),
    # Grows by one with every change.
    Column("version", BigInteger, nullable=False),
    # For quantiles, how many numbers there are by bin: see `services.aggregate.bins`.
    Column("bins", JSONB, info=NO_STATISTICS),
    # For the first and the last number: the moment in microseconds, the event's UUID, the number.
    Column("first_number", JSONB, info=NO_STATISTICS),
    Column("last_number", JSONB, info=NO_STATISTICS),
    postgresql_with={"fillfactor": 70},
)

# Who was counted by the distinct metrics.
members = Table(
    "members",
    metadata,
    Column("cell_id", Uuid, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("member", Text, primary_key=True, info=NO_STATISTICS),
)

# Grows whenever a recount is opened or closed, a definition adopted, or a fence added; one row.
recount_epoch = Table(
    "recount_epoch",
    metadata,
    Column(
        "singleton",
        Boolean,
        CheckConstraint("singleton", "singleton"),
        primary_key=True,
        server_default=text("true"),
    ),
    Column("epoch", BigInteger, nullable=False),
)

# What is known of buckets that were recounted, or have to be, or have changed late; none for most.
buckets = Table(
    "buckets",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("bucket", DateTime(timezone=True), primary_key=True),
    # That of the cells which readers see.
    Column("generation", BigInteger, nullable=False, server_default=text("0")),
    # Grows when the bucket is recounted, or changes after it was final.
    Column("revision", BigInteger, nullable=False, server_default=text("0")),
    # A number that no other mark has, if the bucket is to be recounted.
    Column("dirty_mark", BigInteger),
    Column("dirty_reason", Text),
    Column("dirty_since", DateTime(timezone=True)),
    Index(
        "ix_buckets_dirty",
        "app_id",
        "rollup",
        "bucket",
        postgresql_where=text("dirty_mark IS NOT NULL"),
    ),
)

# By which definition each rollup is counted.
rollups = Table(
    "rollups",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
    # A hash of the definition, but for the names of its events.
    Column("shape", LargeBinary, nullable=False),
    Column("period", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("adopted_at", DateTime(timezone=True), nullable=False),
    # The names of events whose buckets have yet to be marked; NULL if none.
    Column("pending", ARRAY(Text)),
    # Since when no catalog declares it.
    Column("retired_at", DateTime(timezone=True)),
)

# Rollups that have buckets of a later generation than 0.
recounted_rollups = Table(
    "recounted_rollups",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
)

# The recounts that are under way: of one rollup, the buckets that begin in a range.
recounts = Table(
    "recounts",
    metadata,
    Column("generation", BigInteger, primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("app_id", Text, nullable=False),
    Column("first_bucket", DateTime(timezone=True), nullable=False),
    Column("end_bucket", DateTime(timezone=True), nullable=False),
)

# Batches that were stored and not counted when a recount took its snapshot: it has their events.
covered_batches = Table(
    "covered_batches",
    metadata,
    Column("batch_id", Uuid, primary_key=True),
    Column("generation", BigInteger, primary_key=True),
)

# The cells that recounts are making.
made_cells = Table(
    "made_cells",
    metadata,
    Column("cell_id", Uuid, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("rollup", Text, nullable=False),
    Column("bucket", DateTime(timezone=True), nullable=False),
    Column("dimensions", JSONB, nullable=False, info=NO_STATISTICS),
    Column("first_id", Uuid),
    Index(None, "generation"),
)

# Cells that are gone, and whose measures and members have yet to be deleted.
old_cells = Table("old_cells", metadata, Column("cell_id", Uuid, primary_key=True))

# What jobs of the catalogs wrote down, one row for each period, and the cells of each.
results = Table(
    "results",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("period_start", DateTime(timezone=True), primary_key=True),
    Column("period_end", DateTime(timezone=True), nullable=False),
    # Everything received before it is in the result; NULL if that was not known.
    Column("watermark", DateTime(timezone=True)),
    Column("is_final", Boolean, nullable=False),
    # Grows when events of what the result is made of are counted, or counted again.
    Column("inputs", Numeric),
    # Few at any time.
    Index("ix_results_unsettled", "period_end", postgresql_where=text("NOT is_final")),
    Column("cells", BigInteger, nullable=False),
    # Grows by one each time that the result is written.
    Column("revision", Integer, nullable=False),
    Column("calculated_at", DateTime(timezone=True), nullable=False),
)

result_cells = Table(
    "result_cells",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("period_start", DateTime(timezone=True), primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("bucket", DateTime(timezone=True), primary_key=True),
    Column("cell_id", Uuid, primary_key=True),
    Column("dimensions", JSONB, nullable=False, info=NO_STATISTICS),
    # Values as a reader sees them, by name.
    Column("metrics", JSONB, nullable=False, info=NO_STATISTICS),
)

erasures = erasures_table(metadata)

# What ingest received after `in_force_from` has passed the fence of enrich.
fences = fences_table(
    metadata,
    Column("in_force_from", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)
# To read the newest of each app without the others.
Index("ix_fences_app_id_in_force_from", fences.c.app_id, fences.c.in_force_from)

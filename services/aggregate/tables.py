"""Aggregate's tables, as the migrations leave them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from libs.stores.postgres import service_metadata

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
    Column("dimensions", JSONB, nullable=False),
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
    # For quantiles, how many numbers there are by bin: see `services.aggregate.bins`.
    Column("bins", JSONB),
    # For the first and the last number: the moment in microseconds, the event's UUID, the number.
    Column("first_number", JSONB),
    Column("last_number", JSONB),
    # Grows by one with every change.
    Column("version", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 70},
)

# Who was counted by the distinct metrics.
members = Table(
    "members",
    metadata,
    Column("cell_id", Uuid, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("member", Text, primary_key=True),
)

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
    Column("dimensions", JSONB, nullable=False),
    # Values as a reader sees them, by name.
    Column("metrics", JSONB, nullable=False),
)

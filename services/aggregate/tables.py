"""Aggregate's tables, as the migrations leave them."""

from sqlalchemy import (
    BigInteger,
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
    Column("metric", Text, primary_key=True),
    # Events, distinct members, or events with a number, as the metric's kind has it.
    Column("count", BigInteger, nullable=False),
    # These three for numeric kinds only, and only if there was a number.
    Column("total", Numeric),
    Column("minimum", Double),
    Column("maximum", Double),
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

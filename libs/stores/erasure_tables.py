"""The tables that each service with data about people has in its own schema, for erasures."""

from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB


def erasures_table(metadata: MetaData) -> Table:
    """What was erased so far for a request, and where the work goes on; see `erasure_journal`."""
    return Table(
        "erasures",
        metadata,
        Column("request_id", Uuid, primary_key=True),
        Column("position", JSONB, nullable=False),
        # By store, how many rows are gone, and how many stayed.
        Column("stores", JSONB, nullable=False),
        # By names of events, the days on which some were erased or changed.
        Column("changed", JSONB, nullable=False),
    )


def fences_table(metadata: MetaData, *more: Column[Any]) -> Table:
    """Until when nothing of a person is stored any more; `more` are columns of one service."""
    return Table(
        "fences",
        metadata,
        Column("app_id", Text, primary_key=True),
        Column("person", Uuid, primary_key=True),
        Column("fenced_at", DateTime(timezone=True), nullable=False),
        *more,
    )

"""Stored events that are about to expire, and the job that removes them, for tests."""

from collections.abc import Mapping
from datetime import UTC, datetime

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.retention.postgres import PostgresExpiredEvents
from services.enrich.retention.removal import Removal
from tests.support.clocks import FixedClock

ALL_COUNTED = datetime.max.replace(tzinfo=UTC)
NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
_CATALOG = """
app_id: {app}
title: {app}
categories:
  play: {{producers: [api], retention: {{raw: {raw}, aggregate: 5y}}}}
events:
  game.ended: {{category: play, properties: {{}}}}
{more}
"""
_STORE = """
INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name, event_id,
    schema_version, producer, environment, properties)
VALUES (gen_random_uuid(), %s, %s, %s, %s, 'game.ended', %s, '1.0.0', 'api', 'production', '{}')
"""


def catalogs(*apps: str, raw: str = "90d", more: str = "") -> Catalogs:
    """Catalogs of apps with one event, which is kept as long as `raw` says."""
    texts = (_CATALOG.format(app=app, raw=raw, more=more) for app in apps)
    return Catalogs.of(*(compile_catalog(text, "app.yaml") for text in texts))


def removal(
    engine: AsyncEngine,
    found: Catalogs,
    clock: FixedClock,
    counted: datetime | None = ALL_COUNTED,
    *,
    has_archive: bool = False,
) -> Removal:
    """The job's work; everything received before `counted` is counted."""

    async def counted_before() -> datetime | None:
        return counted

    events = PostgresExpiredEvents(engine, PostgresPartitionStore(engine))
    return Removal(found, events, counted_before, clock, has_archive=has_archive)


def store(
    database_url: str,
    moments: Mapping[str, datetime],
    *,
    app: str = "chess",
    retention_class: str = "90d",
    received: datetime | None = None,
) -> None:
    """Stores an event for each moment, with this id; received when it occurred unless `received` says."""
    with psycopg.connect(database_url) as connection:
        for event_id, moment in moments.items():
            values = [moment, received or moment, app, retention_class, event_id]
            connection.execute(_STORE, values)

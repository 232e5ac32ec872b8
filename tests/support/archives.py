"""Events that are to be archived, and what is in the archive by other means than our own, for tests."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs
from libs.common.expiry import midnight
from libs.objects import ObjectStore
from libs.objects.opening import open_objects
from services.enrich.archive.archiver import Archived, Archiver
from services.enrich.archive.parquet import ParquetFiles
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.archive.process import ArchiveProcess
from services.enrich.retention.limits import limits
from services.enrich.retention.removal import Span
from services.enrich.settings import EnrichSettings
from tests.support.expiring_events import ALL_COUNTED, NOW, catalogs

ARCHIVED = catalogs("go", more="archive: true")
# On 21 November, the last day that is past a limit of 90 days.
LAST_DAY = datetime(2026, 8, 22, tzinfo=UTC)
TICK = timedelta(microseconds=1)
_FULL = """
INSERT INTO enrich.events (event_uuid, occurred_at, received_at, session_started_at, app_id, retention_class,
    name, event_id, subject_id, anonymous_id, session_id, group_id, entity_type, entity_id, request_id,
    schema_version, producer, environment, country, device_type, os, browser, os_version, browser_version,
    device_brand, device_model, context, attribution, properties, person, privacy_level, consent_given,
    ip_anonymized)
VALUES (gen_random_uuid(), %(at)s, %(at)s, %(at)s, %(app)s, '90d', %(name)s, %(id)s, 'ann', 'p1', 's 1',
    'club', 'game', 'g:1', 'r', '1.0.0', 'api', 'production', 'DE', 'desktop', 'Linux', 'Firefox', '6', '143',
    'Ä', '中', '{"ip": "192.0.2.0", "extra": {"a": [1, null]}}', '{"source": "x\\u001fy"}', %(properties)s,
    '01234567-89ab-cdef-0123-456789abcdef', 'standard', false, true)
"""
# What a reader of Parquet makes of the columns, in the words of DuckDB, and what Postgres makes of them.
_DUCK = {
    "uuid": "{}::text",
    "timestamp with time zone": "epoch_us({})",
    "jsonb": "{}::text",
}
_POSTGRES = {
    "uuid": "{}::text",
    "timestamp with time zone": "(extract(epoch FROM {}) * 1000000)::bigint",
    "jsonb": "{}::text",
}


def store_full(database_url: str, number: int, *, app: str = "go", at: datetime = LAST_DAY) -> None:
    """Stores events with a value in every column, a second after each other, of two names."""
    with psycopg.connect(database_url) as connection:
        for index in range(number):
            properties = {"price": 1.5, "big": 2**63, "text": "a\nb\"c'd\\", "index": index}
            values = {
                "at": at + timedelta(seconds=index),
                "app": app,
                "name": ("game.ended", "game.begun")[index % 2],
                "id": f"event {app} {at:%d} {index}",
                "properties": json.dumps(properties),
            }
            connection.execute(_FULL, values)


def archiver(engine: AsyncEngine, url: str) -> Archiver:
    """An archiver of this process."""
    return Archiver(PostgresArchive(engine), objects_of(url), ParquetFiles())


def objects_of(url: str) -> ObjectStore:
    """The store of a URL."""
    return open_objects(url, "WEIR_ENRICH_ARCHIVE_URL")


async def archive(
    engine: AsyncEngine,
    url: str,
    *,
    now: datetime = NOW,
    counted: datetime | None = ALL_COUNTED,
    found: Catalogs = ARCHIVED,
) -> Archived:
    """Archives what is due; everything received before `counted` is counted."""
    known = found.current.catalogs
    apps = [catalog.app_id for catalog in known.values() if catalog.archive]
    due = list(limits(known, now))
    return await archiver(engine, url).archive(due, Span(midnight(now), counted), apps)


def in_database(database_url: str, table: str = "enrich.events") -> list[tuple[Any, ...]]:
    """The published columns of all events of a table, by id."""
    from libs.events import COLUMNS

    values = ", ".join(_POSTGRES.get(column.type, "{}").format(column.name) for column in COLUMNS)
    with psycopg.connect(database_url) as connection:
        statement = f"SELECT {values} FROM {table} ORDER BY event_id"
        return connection.execute(statement.encode()).fetchall()


def in_files(pattern: Path | Sequence[str]) -> list[tuple[Any, ...]]:
    """The same from Parquet files, as DuckDB reads them."""
    from libs.events import COLUMNS

    values = ", ".join(_DUCK.get(column.type, "{}").format(column.name) for column in COLUMNS)
    files = str(pattern) if isinstance(pattern, Path) else list(pattern)
    with duckdb.connect() as connection:
        statement = f"SELECT {values} FROM read_parquet(?) ORDER BY event_id"
        found: list[tuple[Any, ...]] = connection.execute(statement, [files]).fetchall()
        return found


def archive_process(database_url: str, archive_url: str) -> ArchiveProcess:
    """The archive's process, as enrich with these stores starts it."""
    settings = EnrichSettings.model_validate(
        {"database_url": database_url, "archive_url": archive_url, "log_level": "ERROR"}
    )
    return ArchiveProcess(settings)

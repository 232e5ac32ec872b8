"""Postgres keeps values of columns in its planner's statistics, also after their rows are gone: but no ids of
people and no free text."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import psycopg
import pytest
from alembic import command

from libs.stores.postgres import columns_without_statistics, create_engine
from services.enrich.partitions.plan import Leaf, PartitionChange
from services.enrich.partitions.postgres import PostgresPartitionStore
from suite import migrate
from tests.support import privacy_page

# Columns with neither: names and words that the catalog or a service has, pseudonyms and checksums.
KEPT = {
    "ingest.dead_letters": {"app_id", "stage", "reason", "content"},
    "ingest.fences": {"app_id"},
    "enrich.events": {"app_id", "retention_class", "name", "schema_version", "privacy_level"},
    "enrich.fences": {"app_id"},
    "aggregate.cells": {"app_id", "rollup"},
    "aggregate.made_cells": {"app_id", "rollup"},
    "aggregate.measures": {"metric"},
    "aggregate.members": {"metric"},
    "aggregate.result_cells": {"app_id", "job", "rollup"},
    "aggregate.fences": {"app_id"},
    "privacy.consents": {"app_id", "purpose", "status", "age_band"},
    "privacy.consent_history": {"app_id", "purpose", "status", "actor_role", "age_band"},
    "privacy.subject_keys": {"app_id", "wrapping_key_id"},
    "privacy.subject_requests": {"app_id", "kind", "state", "subject", "categories"},
    "privacy.exports": {"app_id", "person", "sha256"},
    "privacy.subject_holds": {"app_id", "subject"},
    "privacy.audit_entries": {"app_id", "action", "subject", "purpose", "outcome"},
}
# `attstattarget` is NULL, or -1 before PostgreSQL 17, if nothing is set.
COLUMNS = """
SELECT n.nspname || '.' || c.relname, attname, coalesce(attstattarget, -1) = 0,
    format_type(atttypid, NULL) NOT IN ('uuid', 'timestamp with time zone', 'date', 'boolean', 'integer',
        'bigint', 'numeric', 'double precision')
FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE n.nspname IN ('ingest', 'enrich', 'aggregate', 'privacy', 'jobs') AND c.relkind IN ('r', 'p')
    AND attnum > 0 AND NOT attisdropped
"""
# Enough people for a histogram; and what is kept of them.
FILL = """
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, subject_id, event)
SELECT gen_random_uuid(), now(), 'arena', 'ingest', 'R', 'f', 'm', 'person-' || n, 'name', 'person-' || n, ''
FROM generate_series(1, 200) AS n;
INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name,
    schema_version, producer, environment, subject_id, properties)
SELECT gen_random_uuid(), now(), now(), 'arena', '90d', 'n', '1', 'p', 'e', 'person-' || n, '{}'
FROM generate_series(1, 200) AS n
"""
KEEPING = """
SELECT DISTINCT schemaname || '.' || tablename, attname FROM pg_stats
WHERE histogram_bounds::text LIKE '%person-%' OR most_common_vals::text LIKE '%person-%'
"""


def test_columns_have_statistics_as_declared(database_url: str) -> None:
    declared = {
        (str(table), name)
        for service in ("ingest", "enrich", "aggregate", "privacy")
        for table in import_module(f"services.{service}.tables").metadata.sorted_tables
        for name in columns_without_statistics(table)
    } | {("jobs.runs", "error_message")}
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(COLUMNS).fetchall()
    assert declared == {
        (table, name)
        for table, name, is_without, _ in columns
        if is_without and not _is_partition(table)
    }
    of_partitions = {
        (table, name)
        for table, name, is_without, _ in columns
        if is_without and _is_partition(table)
    }
    partitions = {table for table, *_ in columns if _is_partition(table)}
    assert len(partitions) >= 20
    assert of_partitions == {
        (partition, name)
        for partition in partitions
        for table, name in declared
        if table == "enrich.events"
    }


def test_every_column_that_may_hold_a_person_is_without(database_url: str) -> None:
    """A new column of such a type needs `NO_STATISTICS`, or a place in `KEPT`."""
    people = {
        table
        for table, (what, *_) in privacy_page.rows("Postgres").items()
        if not what.startswith("nothing")
    }
    assert people == KEPT.keys()
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(COLUMNS).fetchall()
    with_statistics: dict[str, set[str]] = {table: set() for table in people}
    for table, name, is_without, may_hold in columns:
        if table in people and may_hold and not is_without:
            with_statistics[table].add(name)
    assert with_statistics == KEPT


async def test_a_new_leaf_has_none_either(
    database_url: str, role_url: Callable[[str], str]
) -> None:
    engine = create_engine(role_url("weir_enrich"), service="test")
    start = datetime(2030, 1, 1, tzinfo=UTC)
    leaf = Leaf("90d", start, start + timedelta(days=1))
    try:
        assert await PostgresPartitionStore(engine).apply(PartitionChange(leaf))
    finally:
        await engine.dispose()
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(COLUMNS).fetchall()
    made, parent = (
        {name for of, name, is_without, _ in columns if of == table and is_without}
        for table in ("enrich.events_90d_20300101", "enrich.events")
    )
    assert made == parent


def test_what_was_kept_before_is_removed(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        if connection.info.server_version < 180000:
            pytest.skip("an administrator removes it before PostgreSQL 18")
        for table, name, is_without, _ in connection.execute(COLUMNS).fetchall():
            if is_without and not _is_partition(table):
                change = f"ALTER TABLE {table} ALTER COLUMN {name} SET STATISTICS -1"
                connection.execute(change.encode())
        connection.execute(FILL)
        connection.execute("ANALYZE")
        assert {
            ("ingest.dead_letters", "event_id"),
            ("ingest.dead_letters", "subject_id"),
            ("enrich.events", "subject_id"),
            ("enrich.events_90d", "subject_id"),
            ("enrich.events_90d_default", "subject_id"),
        } == set(connection.execute(KEEPING).fetchall())
        connection.execute("UPDATE alembic_version SET version_num = '0052_expiring_replays'")
        config = migrate._config()
        with migrate._transaction(database_url) as migrating:
            config.attributes["connection"] = migrating
            command.upgrade(config, "0053_no_statistics_of_people")
        assert connection.execute(KEEPING).fetchall() == []
        connection.execute("ANALYZE")
        assert connection.execute(KEEPING).fetchall() == []


def _is_partition(table: str) -> bool:
    return table.startswith("enrich.events_")

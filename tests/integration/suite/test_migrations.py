"""The tables that the services declare are those that the migrations make."""

from importlib import import_module
from typing import cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, create_engine
from sqlalchemy.engine import make_url

from suite.migrate import current_revision, newest_revision, upgrade

SERVICES = ("ingest", "enrich", "aggregate", "privacy")


def _metadata() -> list[MetaData]:
    return [import_module(f"services.{name}.tables").metadata for name in SERVICES]


def _is_declared(name: str | None, kind: str, parents: object) -> bool:
    if kind == "schema":
        return name in SERVICES
    if kind == "table":
        # Partitions are not declared: migrations and enrich make them.
        return not (name or "").startswith("events_")
    return True


def test_tables_are_as_declared(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "include_schemas": True,
                    "include_name": _is_declared,
                    "compare_type": True,
                    "compare_server_default": True,
                },
            )
            assert compare_metadata(context, cast(MetaData, _metadata())) == []
    finally:
        engine.dispose()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_declares_tables_in_its_own_schema_only(service: str) -> None:
    metadata = import_module(f"services.{service}.tables").metadata
    assert {table.schema for table in metadata.tables.values()} == {service}


def test_migrating_again_changes_nothing(database_url: str) -> None:
    assert current_revision(database_url) == newest_revision()
    assert upgrade(database_url) == newest_revision()

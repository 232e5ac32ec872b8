"""Migrations: one linear Alembic history for all schemas."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from libs.common.settings import REPOSITORY


def upgrade(database_url: str) -> str:
    """Brings the database to the newest revision, under a lock; returns that revision.

    Safe to run from several places at once: the second waits and finds nothing to do.
    """
    config = _config()
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            # "weir" in ASCII; held until the transaction ends, so it works behind PgBouncer too.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1999989106)")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
    return newest_revision()


def newest_revision() -> str:
    """The revision that this source tree expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_revision(database_url: str) -> str | None:
    """The revision that the database is at; None where it was never migrated."""
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    return config

"""Migrations: one linear Alembic history for all schemas."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from libs.runtime.resources import MIGRATIONS
from suite.store_urls import without_secrets

_CONNECT_SECONDS = "10"
# Partitions of events that another role owns: those of a release, or of a login, without roles.
_OTHERS_PARTITIONS = """
    SELECT relid::regclass::text FROM pg_partition_tree('enrich.events')
    JOIN pg_class ON pg_class.oid = relid
    WHERE level > 0 AND relowner <> 'weir_enrich'::regrole
"""


class DatabaseError(Exception):
    """The database does not answer, does not let us in, or cannot be migrated; the message says where
    and why, in one line without secrets."""


def upgrade(database_url: str) -> str:
    """Brings the database to the newest revision, under a lock; returns that revision.

    Safe to run from several places at once: the second waits and finds nothing to do. Raises
    DatabaseError.
    """
    config = _config()
    with _transaction(database_url) as connection:
        # "weir" in ASCII; held until the transaction ends, so it works behind PgBouncer too.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1999989106)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _give_partitions_to_enrich(connection)
    return newest_revision()


def newest_revision() -> str:
    """The revision that this source tree expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current_revision(database_url: str) -> str | None:
    """The revision that the database is at; None if it was never migrated. Raises DatabaseError."""
    with _transaction(database_url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def server_version(database_url: str) -> str:
    """The version of PostgreSQL, as `18.4`. Raises DatabaseError."""
    with _transaction(database_url) as connection:
        return str(connection.exec_driver_sql("SHOW server_version").scalar_one())


def _give_partitions_to_enrich(connection: Connection) -> None:
    """Makes `weir_enrich` the owner of all partitions of `enrich.events`: it could else not merge or drop
    them."""
    tables = connection.exec_driver_sql(_OTHERS_PARTITIONS).scalars().all()
    if tables:
        # All at once, from the top: with one lock after the other, this and a writer could wait for each
        # other.
        connection.exec_driver_sql("LOCK TABLE enrich.events IN ACCESS EXCLUSIVE MODE")
    for table in tables:
        connection.exec_driver_sql(f"ALTER TABLE {table} OWNER TO weir_enrich")


@contextmanager
def _transaction(database_url: str) -> Iterator[Connection]:
    """A transaction of a connection of its own; what goes wrong in it becomes a DatabaseError."""
    try:
        url = make_url(database_url).set(drivername="postgresql+psycopg")
    except (SQLAlchemyError, ValueError) as error:
        raise DatabaseError(without_secrets(database_url, error)) from None
    if "connect_timeout" not in url.query:
        # Else psycopg waits for more than two minutes for a host that says nothing.
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS})
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, CommandError) as error:
        raise DatabaseError(without_secrets(database_url, error)) from error
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config

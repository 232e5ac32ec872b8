"""Postgres: one async SQLAlchemy engine a process, psycopg 3 beneath it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy.exc
from psycopg import AsyncConnection, sql
from sqlalchemy import MetaData, Table
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection as SqlConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.common.errors import DeadlineExceeded, Unavailable
from libs.stores.failure import StoreFailure
from libs.stores.postgres_connector import PostgresConnector

# What is raised while Postgres is away, by SQLAlchemy or the driver beneath it; TimeoutError is an OSError.
POSTGRES_DOWN = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    OSError,
)
# All that a statement can raise, of SQLAlchemy or of the driver beneath it, and what the network raises.
POSTGRES_ERRORS = (psycopg.Error, sqlalchemy.exc.SQLAlchemyError, OSError)
# What data can be at fault for: a value that is larger than Postgres can index or hold, a column without a
# value, a key that is there already. Not a check: without a partition for a row, Postgres reports one too.
_OF_THE_DATA = ("54", "23502", "23505")
# Insufficient resources (locks, memory), rollbacks (deadlock, serialization), a lock that did not come in
# time, a statement that took too long.
_OVERLOADED = ("53", "40", "55P03", "57014")
# A full disk and too many connections: nothing that less work at once would change, and a nearly full disk
# may well take small entries and no large ones.
_FULL = ("53100", "53300")
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# The `info` of a column with ids of people or free text. Postgres keeps values of columns for its planner,
# also after their rows are gone; of such a column it is to keep none (ADR 67).
NO_STATISTICS = {"statistics": 0}


def create_engine(
    database_url: str,
    *,
    service: str,
    pool_size: int = 5,
    max_overflow: int = 5,
    pool_seconds: float = 30.0,
    read_only: bool = False,
) -> AsyncEngine:
    """An engine for `postgresql://...`; connects when first used, and checks a connection that lay idle.

    `service` is the application name that operators see in `pg_stat_activity`, `pool_seconds` how long to
    wait for a free connection. A statement has no timeout of its own: a call that takes too long is
    cancelled, and psycopg then cancels the statement in the server, or closes the connection of a server
    that does not react within ten seconds.

    With `read_only` Postgres refuses every change (ReadOnlySqlTransaction): each transaction begins as READ
    ONLY. Poolers let that through, unlike an option of the connection.
    """
    connector = PostgresConnector(database_url, service=service)

    async def connect() -> AsyncConnection[Any]:
        connection = await connector.connect()
        if read_only:
            await connection.set_read_only(True)
        return connection

    return create_async_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_seconds,
        pool_pre_ping=True,
        # Parameters are people's data: they must not be in the text of an error.
        hide_parameters=True,
    )


def service_metadata(schema: str) -> MetaData:
    """The tables of one service, all in its own schema, with constraint names that migrations can name."""
    return MetaData(schema=schema, naming_convention=NAMING_CONVENTION)


def columns_without_statistics(table: Table) -> list[str]:
    """The names of the table's columns with NO_STATISTICS."""
    return [column.name for column in table.columns if column.info == NO_STATISTICS]


def without_statistics(made: sql.Identifier, like: Table) -> sql.Composed:
    """The statement for a table that was made LIKE another one, which does not copy this."""
    changes = (
        sql.SQL("ALTER COLUMN {} SET STATISTICS 0").format(sql.Identifier(name))
        for name in columns_without_statistics(like)
    )
    return sql.SQL("ALTER TABLE {} {}").format(made, sql.SQL(", ").join(changes))


async def driver_connection(connection: SqlConnection) -> AsyncConnection[Any]:
    """The psycopg connection beneath, for COPY and pipelines; it shares the SQLAlchemy transaction."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, AsyncConnection)
    return driver


def driver_error(error: Exception) -> Exception:
    """The error of the driver, if SQLAlchemy has wrapped one."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and isinstance(error.orig, Exception):
        return error.orig
    return error


@contextmanager
def read_within(seconds: float, *, setting: str, advice: str) -> Iterator[None]:
    """Makes what Postgres raises in the block an error for the caller: DeadlineExceeded for a statement that
    took longer than the `setting` permits, with what to ask for instead; Unavailable if Postgres is away."""
    try:
        yield
    except POSTGRES_DOWN as error:
        if isinstance(driver_error(error), psycopg.errors.QueryCanceled):
            raise DeadlineExceeded(
                f"one statement took longer than {seconds:g} s: {advice}",
                limit=setting,
                seconds=seconds,
            ) from None
        raise Unavailable("Postgres does not answer", retry_after_seconds=1.0) from None


def failure_of(error: Exception) -> StoreFailure | None:
    """What an error of Postgres means: that it is away, that this was too much for it now, or, if None,
    that these data cannot be stored.

    A missing table or right is no property of the data either: dead letters for every batch because of a
    failed deployment would be worse than waiting until it is repaired.
    """
    error = driver_error(error)
    if isinstance(error, psycopg.Error):
        state = error.sqlstate or ""
        if isinstance(error, psycopg.DataError) or state.startswith(_OF_THE_DATA):
            return None
        overloaded = state.startswith(_OVERLOADED) and state not in _FULL
        return StoreFailure.OVERLOADED if overloaded else StoreFailure.UNAVAILABLE
    if isinstance(error, sqlalchemy.exc.SQLAlchemyError | OSError):
        return StoreFailure.UNAVAILABLE
    return None

"""Postgres: one async SQLAlchemy engine a process, psycopg 3 beneath it."""

from typing import Any

import psycopg
import sqlalchemy.exc
from psycopg import AsyncConnection
from sqlalchemy import MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection as SqlConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# What is raised while Postgres is away; TimeoutError is an OSError.
POSTGRES_DOWN = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    OSError,
)
# SQLSTATE class 54: a value is larger than Postgres can index or hold.
_PROGRAM_LIMIT = "54"
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def create_engine(database_url: str, *, service: str, pool_size: int = 5) -> AsyncEngine:
    """An engine for `postgresql://...`; connects when first used, and checks a connection that lay idle.

    `service` is the application name that operators see in `pg_stat_activity`.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        # Parameters are people's data: they must not be in the text of an error.
        hide_parameters=True,
        connect_args={"application_name": f"weir-{service}"},
    )


def service_metadata(schema: str) -> MetaData:
    """The tables of one service, all in its own schema, with constraint names that migrations can name."""
    return MetaData(schema=schema, naming_convention=NAMING_CONVENTION)


async def driver_connection(connection: SqlConnection) -> AsyncConnection[Any]:
    """The psycopg connection beneath, for COPY and pipelines; it shares the SQLAlchemy transaction."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, AsyncConnection)
    return driver


def is_transient(error: Exception) -> bool:
    """Whether trying again may succeed without anybody changing the data: everything that Postgres says
    except "these data cannot be stored".

    A missing table or right is no property of the data either: setting every batch aside because
    of a failed deployment would be worse than waiting for it to be mended.
    """
    if isinstance(error, sqlalchemy.exc.DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    if isinstance(error, psycopg.Error):
        state = error.sqlstate or ""
        return not isinstance(error, psycopg.DataError) and not state.startswith(_PROGRAM_LIMIT)
    return isinstance(error, sqlalchemy.exc.SQLAlchemyError | OSError)

"""Several statements that see one state of the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_IS_REPLICA = text("SELECT pg_is_in_recovery()")


@asynccontextmanager
async def one_state(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction whose statements all see the tables as they were at the first. Not for
    stored events: for these see `libs.events.postgres.snapshot_connection`."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            yield connection


async def is_replica(connection: AsyncConnection) -> bool:
    """Whether it leads to a replica, which may not have everything yet that a watermark promises: the numbers
    that are read with it are not final (ADR 34)."""
    return bool((await connection.execute(_IS_REPLICA)).scalar_one())

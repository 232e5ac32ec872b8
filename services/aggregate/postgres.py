"""Several statements that see one state of the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@asynccontextmanager
async def one_state(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction whose statements all see the tables as they were at the first. Not for
    stored events: for these see `libs.events.postgres.snapshot_connection`."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            yield connection

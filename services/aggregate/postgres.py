"""Several statements that see one state of the tables, also within the limits of verifications."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.events.postgres import snapshot_connection
from libs.stores.postgres import read_within

_IS_REPLICA = text("SELECT pg_is_in_recovery()")
# Verifying must not take what counting needs: one process of Postgres, and a bounded memory for it.
_VERIFYING = (
    "SET LOCAL max_parallel_workers_per_gather = 0",
    "SET LOCAL work_mem = '64MB'",
)


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


class VerifyingConnections:
    """Connections for verifications, of `engine`, which may lead to a replica, for statements of
    `statement_seconds`."""

    def __init__(self, engine: AsyncEngine, statement_seconds: float) -> None:
        self._engine = engine
        self._seconds = statement_seconds

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncConnection]:
        """One in a transaction that sees one state of events and of all else. Raises DeadlineExceeded if a
        statement takes longer, Unavailable if Postgres is away."""
        limit = read_within(
            self._seconds,
            setting="verify_statement_seconds",
            advice="verify less time, or a single rollup or job",
        )
        with limit:
            async with snapshot_connection(self._engine) as connection:
                timeout = f"SET LOCAL statement_timeout = {round(self._seconds * 1_000)}"
                for setting in (*_VERIFYING, timeout):
                    await connection.exec_driver_sql(setting)
                yield connection

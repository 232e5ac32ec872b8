"""Postgres for what runs once for every chunk: several statements, and a COPY, in one round trip.

A small chunk costs Postgres less CPU than its client: SQLAlchemy's pool and greenlets, and psycopg's work on
each statement by itself. So these connections belong to no pool, and take a script as a whole, in Postgres's
simple protocol, which has no parameters: texts from outside do not belong in a script.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import copy_to, execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Wait
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_UNFINISHED = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
# Makes the data of a COPY from the results of the statements before it; None takes back the whole script.
CopyData = Callable[[Sequence[PGresult]], Iterable[bytes] | None]


class DirectConnection:
    """One connection, for one caller at a time."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    @property
    def driver(self) -> AsyncConnection[Any]:
        """The psycopg connection beneath, for statements with parameters."""
        return self._connection

    async def run(self, script: bytes, copy: CopyData | None = None) -> list[PGresult] | None:
        """The results of the script's statements, values as text. A script with a COPY ... FROM STDIN needs
        `copy`; None if that took the script back. A script that fails leaves no transaction open.

        Raises psycopg.Error.
        """
        pgconn = self._connection.pgconn
        try:
            return await self._connection.wait(_run(pgconn, script, copy))
        finally:
            if pgconn.transaction_status == TransactionStatus.INERROR:
                await self._connection.rollback()


class DirectConnections:
    """Connections to the database of an engine of `create_engine`, opened as they are needed, kept for the
    next caller, and closed with the engine."""

    def __init__(
        self, engine: AsyncEngine, prepare: Callable[[AsyncConnection[Any]], None] | None = None
    ) -> None:
        """`prepare` is called with each new connection."""
        self._connect = engine.get_execution_options()["connect"]
        self._prepare = prepare
        self._idle: list[AsyncConnection[Any]] = []
        event.listen(engine.sync_engine, "engine_disposed", self._close)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[DirectConnection]:
        """A connection for the block. Raises psycopg.Error."""
        connection = self._alive() or await self._open()
        try:
            yield DirectConnection(connection)
        finally:
            if connection.pgconn.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                connection.pgconn.finish()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DirectConnection]:
        """As `connection`; what the block begins is committed at its end, or rolled back if it raises."""
        async with self.connection() as connection:
            pgconn = connection.driver.pgconn
            try:
                yield connection
                await connection.run(b"COMMIT")
            finally:
                if pgconn.transaction_status in _UNFINISHED:
                    # By psycopg, which then forgets its prepared statements: Postgres may not know them any
                    # more, or the tables that they were made for may have changed.
                    await connection.driver.rollback()

    async def _open(self) -> AsyncConnection[Any]:
        connection: AsyncConnection[Any] = await self._connect()
        if self._prepare:
            self._prepare(connection)
        return connection

    def _alive(self) -> AsyncConnection[Any] | None:
        """An idle connection that the server has not closed. Without a round trip: if it broke and the server
        could not say so, the next script fails."""
        while self._idle:
            connection = self._idle.pop()
            try:
                # The first reads what the server sent, if anything, the second that it closed the connection.
                connection.pgconn.consume_input()
                connection.pgconn.consume_input()
            except OperationalError:
                connection.pgconn.finish()
            else:
                return connection
        return None

    def _close(self, _: object) -> None:
        for connection in self._idle:
            connection.pgconn.finish()
        self._idle.clear()


def _run(pgconn: PGconn, script: bytes, copy: CopyData | None) -> PQGen[list[PGresult] | None]:
    pgconn.send_query(script)
    results: list[PGresult] = yield from execute(pgconn)
    taken_back = False
    if results[-1].status == ExecStatus.COPY_IN:
        data = copy(results) if copy else None
        taken_back = data is None
        for block in data or ():
            yield from copy_to(pgconn, block)
        while pgconn.put_copy_end(b"taken back" if taken_back else None) == 0:
            yield Wait.W
        results += yield from execute(pgconn)
    if taken_back:
        return None
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result, encoding="utf-8")
    return results

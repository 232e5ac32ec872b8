"""Connections beside the pool, which run several statements, and a COPY, in one round trip.

For a small chunk, the client spends more CPU than Postgres: on SQLAlchemy's pool and greenlets, and on
psycopg's work for each statement. So these connections belong to no pool, and send the statements as one SQL
script in Postgres's simple protocol, which has no parameters: texts from outside do not belong in a script.
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

from libs.stores.postgres_connector import PostgresConnector

_UNFINISHED = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
# Makes the data of a COPY from the results of the statements before it; None rolls the whole script back.
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
        `copy`; None if that rolled the script back. A script that fails leaves no transaction open.

        Raises psycopg.Error.
        """
        pgconn = self._connection.pgconn
        try:
            return await self._connection.wait(_run(pgconn, script, copy))
        finally:
            if pgconn.transaction_status == TransactionStatus.INERROR:
                await self._connection.rollback()


class DirectConnections:
    """Connections of one connector, opened as they are needed, and kept for the next caller until `close`."""

    def __init__(
        self,
        connector: PostgresConnector,
        prepare: Callable[[AsyncConnection[Any]], None] | None = None,
    ) -> None:
        """`prepare` is called with each new connection."""
        self._connector = connector
        self._prepare = prepare
        self._idle: list[AsyncConnection[Any]] = []
        self._closed = False

    def close(self) -> None:
        """Closes the idle connections; those in use are closed after their use."""
        self._closed = True
        for connection in self._idle:
            connection.pgconn.finish()
        self._idle.clear()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[DirectConnection]:
        """A connection for the block. Raises psycopg.Error."""
        connection = self._alive() or await self._open()
        try:
            yield DirectConnection(connection)
        finally:
            is_idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            if is_idle and not self._closed:
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
        connection = await self._connector.connect()
        if self._prepare:
            self._prepare(connection)
        return connection

    def _alive(self) -> AsyncConnection[Any] | None:
        """An idle connection that the server has not closed. Without a round trip: if it broke and the server
        could not say so, the next script fails."""
        while self._idle:
            connection = self._idle.pop()
            try:
                # The first call reads what the server sent; the second fails if the server has closed the
                # connection.
                connection.pgconn.consume_input()
                connection.pgconn.consume_input()
            except OperationalError:
                connection.pgconn.finish()
            else:
                return connection
        return None


def _run(pgconn: PGconn, script: bytes, copy: CopyData | None) -> PQGen[list[PGresult] | None]:
    pgconn.send_query(script)
    results: list[PGresult] = yield from execute(pgconn)
    aborted = False
    if results[-1].status == ExecStatus.COPY_IN:
        data = copy(results) if copy else None
        aborted = data is None
        for block in data or ():
            yield from copy_to(pgconn, block)
        while pgconn.put_copy_end(b"rolled back by the client" if aborted else None) == 0:
            yield Wait.W
        results += yield from execute(pgconn)
    if aborted:
        return None
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result, encoding="utf-8")
    return results

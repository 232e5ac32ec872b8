"""Scripts over connections beside the pool."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from libs.stores.postgres import create_engine
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.postgres_direct import DirectConnection, DirectConnections
from tests.support.waiting import until

SERVICE = "direct"
COUNT = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir-{SERVICE}'"
COPY = b"BEGIN; SELECT 7; COPY numbers FROM STDIN; COMMIT"


@pytest.fixture
async def direct(database_url: str) -> AsyncIterator[DirectConnections]:
    connections = DirectConnections(PostgresConnector(database_url, service=SERVICE))
    async with connections.connection() as connection:
        await connection.run(b"CREATE TABLE numbers (number int UNIQUE)")
    yield connections
    connections.close()


async def _numbers(connection: DirectConnection) -> list[bytes | None]:
    results = await connection.run(b"SELECT number FROM numbers ORDER BY number")
    assert results is not None
    [result] = results
    return [result.get_value(row, 0) for row in range(result.ntuples)]


async def test_a_copy_sees_the_results_before_it(direct: DirectConnections) -> None:
    seen: list[bytes | None] = []
    async with direct.connection() as connection:

        def data(results: object) -> list[bytes]:
            assert isinstance(results, list)
            seen.append(results[1].get_value(0, 0))
            return [b"1\n", b"2\n"]

        assert await connection.run(COPY, data)
        assert seen == [b"7"]
        assert await _numbers(connection) == [b"1", b"2"]


async def test_a_script_that_is_rolled_back_or_fails_changes_nothing(
    direct: DirectConnections,
) -> None:
    async with direct.connection() as connection:
        assert await connection.run(COPY, lambda _: None) is None
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.run(COPY, lambda _: [b"1\n2\n1\n"])
        with pytest.raises(psycopg.errors.DivisionByZero):
            await connection.run(b"BEGIN; INSERT INTO numbers VALUES (5); SELECT 1 / 0; COMMIT")
        # The connection works on, outside of any transaction.
        assert await _numbers(connection) == []


async def test_a_transaction_is_committed_or_rolled_back(direct: DirectConnections) -> None:
    async with direct.transaction() as connection:
        await connection.run(b"BEGIN; INSERT INTO numbers VALUES (1)")
        await connection.driver.execute("INSERT INTO numbers VALUES (%s)", (2,))

    async def fail() -> None:
        async with direct.transaction() as connection:
            await connection.run(b"BEGIN; INSERT INTO numbers VALUES (3)")
            raise RuntimeError("after all")

    with pytest.raises(RuntimeError, match="after all"):
        await fail()
    async with direct.connection() as connection:
        assert await _numbers(connection) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        # As at a pooler, whose next connection to Postgres lacks them.
        ("DEALLOCATE ALL", psycopg.errors.InvalidSqlStatementName),
        # As by a migration.
        ("ALTER TABLE numbers ALTER number TYPE bigint", psycopg.errors.FeatureNotSupported),
    ],
)
async def test_a_prepared_statement_that_no_longer_works_fails_once(
    direct: DirectConnections, cause: str, error: type[psycopg.Error]
) -> None:
    async def read() -> None:
        async with direct.transaction() as connection:
            await connection.run(b"BEGIN")
            await connection.driver.execute("SELECT number FROM numbers WHERE number > %s", (1,))

    # More often than psycopg waits before it prepares a statement.
    for _ in range(8):
        await read()
    async with direct.connection() as connection:
        await connection.run(cause.encode())
    with pytest.raises(error):
        await read()
    for _ in range(8):
        await read()


async def test_connections_are_kept_and_closed_at_the_end(database_url: str) -> None:
    direct = DirectConnections(PostgresConnector(database_url, service=SERVICE))
    with psycopg.connect(database_url, autocommit=True) as watching:
        for _ in range(3):
            async with direct.connection() as one, direct.connection() as two:
                await one.run(b"SELECT 1")
                await two.run(b"SELECT 1")
        assert watching.execute(COUNT.encode()).fetchone() == (2,)
        async with direct.connection() as used:
            direct.close()
            await used.run(b"SELECT 1")
        await until(lambda: watching.execute(COUNT.encode()).fetchone() == (0,))


async def test_a_connection_that_postgres_closed_is_replaced(
    direct: DirectConnections, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        # Returns when the process is gone, and its end of the connection with it.
        ended = COUNT.replace("count(*)", "pg_terminate_backend(pid, 60000)")
        assert other.execute(ended.encode()).fetchall() == [(True,)]
    async with direct.connection() as connection:
        assert await _numbers(connection) == []


async def test_a_cancelled_script_ends_in_postgres_as_well(
    direct: DirectConnections, database_url: str
) -> None:
    waiting = COUNT + " AND wait_event_type = 'Lock'"

    async def insert() -> None:
        async with direct.connection() as connection:
            await connection.run(b"BEGIN; INSERT INTO numbers VALUES (1); COMMIT")

    with (
        psycopg.connect(database_url) as blocking,
        psycopg.connect(database_url, autocommit=True) as watching,
    ):
        blocking.execute("INSERT INTO numbers VALUES (1)")
        task = asyncio.create_task(insert())
        await until(lambda: watching.execute(waiting.encode()).fetchone() == (1,))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: watching.execute(waiting.encode()).fetchone() == (0,))
        blocking.rollback()
    async with direct.connection() as connection:
        assert await _numbers(connection) == []


async def test_neither_connector_nor_engine_shows_the_password() -> None:
    url = "postgresql://weir:SECRET@127.0.0.1:1/weir"
    engine = create_engine(url, service=SERVICE)
    shown = [PostgresConnector(url, service=SERVICE), engine, engine.get_execution_options()]
    assert "SECRET" not in repr(shown)

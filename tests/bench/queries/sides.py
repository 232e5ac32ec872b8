"""The two sides that answer: the suite's Postgres, in one of the layouts, and DuckDB over Parquet."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from sqlalchemy import text

from libs.stores.postgres import create_engine
from services.aggregate.model import CellPage, CellQuery
from services.aggregate.rollups.postgres import PostgresCellReader
from tests.bench.queries import duckdb_sql
from tests.bench.queries.cells import plan
from tests.bench.queries.layouts import Layout

Rows = Sequence[tuple[Any, ...]]


class PostgresSide:
    """One connection as the pool for behaviour queries would have it, and the readers of the services."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self._engine = create_engine(url, service="bench", pool_size=1)
        self._cells = PostgresCellReader(self._engine)
        self._plan = plan()
        self._runner = asyncio.Runner()
        self.layout: Layout | None = None

    def configure(self, parallel_workers: int) -> None:
        """What a behaviour query may take."""
        self.connection.execute("SET work_mem = '64MB'")
        self.connection.execute(
            f"SET max_parallel_workers_per_gather = {parallel_workers}".encode()
        )

    def behaviour(
        self, statement: str, parameters: Mapping[str, object], *, binary: bool = False
    ) -> Rows:
        """The rows of a question about behaviour, read where the layout has it."""
        assert self.layout is not None
        query = statement.format(table=self.layout.table, person=self.layout.person)
        with self.connection.cursor(binary=binary) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def events(self, statement: str, parameters: Mapping[str, object]) -> Rows:
        """The rows of a statement in the form of SQLAlchemy, as services run them."""

        async def read() -> Rows:
            async with self._engine.connect() as connection:
                found = await connection.execute(text(statement), parameters)
                return [tuple(row) for row in found]

        return self._runner.run(read())

    def cells(self, query: CellQuery) -> CellPage:
        """A page of a rollup, as QueryRollup reads it."""
        return self._runner.run(self._cells.cells(query, self._plan))

    def close(self) -> None:
        """Closes all connections."""
        self._runner.run(self._engine.dispose())
        self._runner.close()
        self.connection.close()


class DuckSide:
    """DuckDB in this process, with as many threads as there are cores."""

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        # No parameters in a view; the folder is ours.
        self._connection.execute(duckdb_sql.VIEW.format(folder=folder))

    def rows(self, statement: str, parameters: Mapping[str, object]) -> Rows:
        """The rows of a question."""
        found: Rows = self._connection.execute(statement, parameters).fetchall()
        return found

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

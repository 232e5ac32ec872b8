"""DuckDB over Parquet, in this process."""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import psutil

from tests.bench.processes import own_cpu_seconds
from tests.bench.queries import duckdb_sql
from tests.bench.queries.answers import Rows


class Duck:
    """DuckDB with as many threads as there are cores."""

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        # No parameters in a view; the folder is ours.
        self._connection.execute(duckdb_sql.VIEW.format(folder=folder))
        self._process = psutil.Process()

    def rows(self, statement: str, parameters: Mapping[str, object]) -> Rows:
        """The rows of a question."""
        found: Rows = self._connection.execute(statement, parameters).fetchall()
        return found

    def cpu_seconds(self) -> float:
        """What this process has used since it began: DuckDB, as long as nothing else runs in it."""
        return own_cpu_seconds(self._process)

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

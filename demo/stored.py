"""The stored events of the demo: counted as the services read them, and recounted by other means."""

import asyncio
from collections.abc import Iterable
from typing import Any

import psycopg

from demo.cells import Cells, with_values
from libs.catalog import Rollup
from libs.events.postgres import BEGINNING, END, PostgresEventReader
from libs.events.recount import RecountQuery, values_of
from libs.stores.postgres import create_engine


def recount(
    connection: psycopg.Connection[Any], app_id: str, rollup: Rollup, dimension_characters: int
) -> Cells:
    """The cells of one rollup, as the stored events have them; see `libs.events.recount`."""
    query = RecountQuery(app_id, rollup, dimension_characters, BEGINNING, END)
    found = query.cells(connection.execute(query.statement.encode(), query.parameters))
    return {key: with_values(values_of(rollup, metrics)) for key, metrics in found.items()}


class StoredEvents:
    """What Postgres holds, read as the role `weir_read`. A context manager."""

    def __init__(self, read_database_url: str) -> None:
        self._url = read_database_url
        self._connection = psycopg.connect(read_database_url, autocommit=True)

    def count(self, app_ids: Iterable[str]) -> int:
        """How many events these apps have, as the library of the events counts them."""
        return asyncio.run(self._count(app_ids))

    def recount(self, app_id: str, rollup: Rollup, dimension_characters: int) -> Cells:
        """The cells of a rollup, by SQL that shares nothing with counting."""
        return recount(self._connection, app_id, rollup, dimension_characters)

    def __enter__(self) -> "StoredEvents":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    async def _count(self, app_ids: Iterable[str]) -> int:
        engine = create_engine(self._url, service="demo", pool_size=1, read_only=True)
        try:
            reader = PostgresEventReader(engine.connect)
            counts = [await reader.daily_counts(app_id) for app_id in app_ids]
        finally:
            await engine.dispose()
        return sum(count.events for daily in counts for count in daily)

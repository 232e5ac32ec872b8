"""Cells with numbers and people, stored as counting does, but without it."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import uuid4

import orjson
import psycopg


class StoredCells:
    """Writes cells of one app, as the owner of the database."""

    def __init__(self, database_url: str, app_id: str) -> None:
        self._url = database_url
        self._app_id = app_id

    def add(
        self,
        rollup: str,
        bucket: str,
        *,
        dimensions: Mapping[str, Any] | None = None,
        numbers: Mapping[str, Mapping[str, Any]] | None = None,
        people: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """A cell with the columns of measures by metric, and the people of distinct ones."""
        cell_id = uuid4()
        measures = dict(numbers or {})
        measures |= {metric: {"count": len(members)} for metric, members in (people or {}).items()}
        with psycopg.connect(self._url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)"
                " VALUES (%s, %s, %s, %s, %s)",
                [cell_id, self._app_id, rollup, bucket, orjson.dumps(dimensions or {}).decode()],
            )
            for metric, given in measures.items():
                columns = {"count": 0, "total": None, "bins": None, "last_number": None, **given}
                cursor.execute(
                    "INSERT INTO aggregate.measures"
                    " (cell_id, metric, count, total, bins, last_number, version)"
                    " VALUES (%s, %s, %s, %s, %s, %s, 1)",
                    [
                        cell_id,
                        metric,
                        columns["count"],
                        columns["total"],
                        columns["bins"] and orjson.dumps(columns["bins"]).decode(),
                        columns["last_number"] and orjson.dumps(columns["last_number"]).decode(),
                    ],
                )
            cursor.executemany(
                "INSERT INTO aggregate.members (cell_id, metric, member) VALUES (%s, %s, %s)",
                [
                    (cell_id, metric, member)
                    for metric, members in (people or {}).items()
                    for member in members
                ],
            )

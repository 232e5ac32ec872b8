"""Gives rows of older releases, which have no `person`, the one that they would get today."""

import uuid
from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.pseudonym import Pseudonymizer, person_of
from libs.stores.postgres import driver_connection

# One short transaction each.
ROWS_AT_A_TIME = 5_000
# Leaves, because enrich owns these alone.
_LEAVES: LiteralString = """
    SELECT relname FROM pg_partition_tree('enrich.events') JOIN pg_class ON oid = relid
    WHERE isleaf ORDER BY relname
"""
# The index of the rows without a person is known to be better than what the planner knows of it: when most of
# them have one, a scan would begin with those again for each transaction.
_ALONG_THE_INDEX: LiteralString = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""
# `<> ''`, so that a row that never gets a person is not found again and again.
_UNFILLED: LiteralString = """
    SELECT event_uuid, occurred_at, app_id, subject_id, anonymous_id FROM {leaf}
    WHERE person IS NULL AND (subject_id <> '' OR anonymous_id <> '') LIMIT %(limit)s
"""
_FILL: LiteralString = """
    UPDATE {leaf} AS event SET person = found.person
    FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[], %(apps)s::text[], %(people)s::uuid[])
        AS found (event_uuid, occurred_at, app_id, person)
    WHERE event.event_uuid = found.event_uuid AND event.occurred_at = found.occurred_at
        AND event.app_id = found.app_id AND event.person IS NULL
"""


class PersonFiller:
    """Fills `person`, some rows in a transaction. What is left is found by an index, so it may end at any
    time and go on later."""

    def __init__(
        self,
        engine: AsyncEngine,
        pseudonymizer: Pseudonymizer,
        rows_at_a_time: int = ROWS_AT_A_TIME,
    ) -> None:
        self._engine = engine
        self._pseudonymizer = pseudonymizer
        self._rows_at_a_time = rows_at_a_time

    async def fill(self) -> Mapping[str, int]:
        """Fills all rows: `filled`. Raises what Postgres raises; safe to cancel and to repeat."""
        filled = 0
        for leaf in await self._leaves():
            try:
                while found := await self._fill_some(leaf):
                    filled += found
            except psycopg.errors.UndefinedTable:
                # Merged meanwhile, into a leaf that may be done: the next run finds its rows.
                continue
        return {"filled": filled}

    async def _leaves(self) -> list[str]:
        async with self._engine.connect() as outer:
            cursor = await (await driver_connection(outer)).execute(_LEAVES)
            return [name for (name,) in await cursor.fetchall()]

    async def _fill_some(self, leaf: str) -> int:
        table = sql.Identifier("enrich", leaf)
        async with self._engine.connect() as outer, outer.begin():
            connection = await driver_connection(outer)
            # Before anything that outer knows of, so that SQLAlchemy begins its transaction.
            await outer.exec_driver_sql(_ALONG_THE_INDEX)
            cursor = await connection.execute(
                sql.SQL(_UNFILLED).format(leaf=table), {"limit": self._rows_at_a_time}
            )
            rows = await cursor.fetchall()
            if rows:
                await connection.execute(sql.SQL(_FILL).format(leaf=table), self._filled(rows))
            return len(rows)

    def _filled(self, rows: list[tuple[Any, ...]]) -> Mapping[str, object]:
        return {
            "ids": [row[0] for row in rows],
            "times": [row[1] for row in rows],
            "apps": [row[2] for row in rows],
            "people": [uuid.UUID(person_of(self._pseudonymizer, *row[2:])) for row in rows],
        }

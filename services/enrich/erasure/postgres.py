"""A person's events in Postgres: erased some at a time, and counted in the transactions that erase them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.exact_json import exact_dumps
from libs.common.subject_data import Erasure
from libs.stores.postgres import driver_connection
from services.enrich.erasure.model import NamingEvent

ROWS_AT_A_TIME = 2_000
# By the index on the person; by that of rows without one, for what older releases stored. An event whose
# sender's clock was ahead is of the time at which it was received.
_OF_PERSON: LiteralString = """
    app_id = %(app_id)s
    AND (person = ANY(%(persons)s) OR (person IS NULL AND subject_id = %(subject_id)s))
    AND least(occurred_at, received_at) <= %(fenced_at)s
"""
_CHOSEN: LiteralString = """
    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s)) AND NOT name = ANY(%(withheld)s)
"""
_LEAF: LiteralString = f"""
    SELECT relname FROM enrich.events JOIN pg_class ON pg_class.oid = events.tableoid
    WHERE {_OF_PERSON} {_CHOSEN} LIMIT 1
"""
_DELETE: LiteralString = f"""
    DELETE FROM {{leaf}} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {{leaf}} WHERE {_OF_PERSON} {_CHOSEN} LIMIT %(limit)s
    ))
    RETURNING name, (occurred_at AT TIME ZONE 'UTC')::date::text, session_id
"""
_WITHHELD: LiteralString = f"""
    SELECT name, count(*) FROM enrich.events
    WHERE {_OF_PERSON} AND name = ANY(%(withheld)s) GROUP BY name ORDER BY name
"""
_LEAVES: LiteralString = """
    SELECT relname FROM pg_partition_tree('enrich.events') AS part JOIN pg_class ON oid = part.relid
    WHERE isleaf AND relname > %(after)s ORDER BY relname LIMIT 1
"""
# Events of others in which the id may stand: what is in quotes or not, and what only contains it, is decided
# by `mentions`.
_NAMING: LiteralString = """
    SELECT event_uuid, occurred_at, name, entity_type, entity_id, properties FROM {leaf}
    WHERE app_id = %(app_id)s AND least(occurred_at, received_at) <= %(fenced_at)s
        AND NOT (person IS NOT NULL AND person = ANY(%(persons)s))
        AND (entity_id = %(subject_id)s OR strpos(properties::text, %(in_json)s) > 0)
        AND (occurred_at, event_uuid) > (%(after_time)s, %(after_uuid)s)
    ORDER BY occurred_at, event_uuid LIMIT %(limit)s
"""
_REPLACE: LiteralString = """
    UPDATE {leaf} SET entity_id = %(entity_id)s, properties = %(properties)s::jsonb
    WHERE event_uuid = %(event_uuid)s AND occurred_at = %(occurred_at)s AND app_id = %(app_id)s
"""


class ErasedEvents:
    """The statements; the caller's transaction is around them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def delete_some(
        self, connection: AsyncConnection, erasure: Erasure
    ) -> Sequence[tuple[str, str, str | None]] | None:
        """Deletes events of the person: name, day and session of each. None if none are left. Raises
        psycopg.errors.UndefinedTable if their partition was merged meanwhile."""
        driver = await driver_connection(connection)
        values = _parameters(erasure)
        row = await (await driver.execute(_LEAF, values)).fetchone()
        if row is None:
            return None
        statement = sql.SQL(_DELETE).format(leaf=sql.Identifier("enrich", row[0]))
        # From the leaf, along its own indexes.
        return await (await driver.execute(statement, values)).fetchall()

    async def withheld(self, connection: AsyncConnection, erasure: Erasure) -> Mapping[str, int]:
        """How many events stay, by name."""
        driver = await driver_connection(connection)
        cursor = await driver.execute(_WITHHELD, _parameters(erasure))
        return dict(await cursor.fetchall())

    async def next_leaf(self, connection: AsyncConnection, after: str) -> str | None:
        """The partition behind `after`, by name; None behind the last."""
        driver = await driver_connection(connection)
        row = await (await driver.execute(_LEAVES, {"after": after})).fetchone()
        return None if row is None else str(row[0])

    async def naming(
        self,
        connection: AsyncConnection,
        erasure: Erasure,
        leaf: str,
        after: tuple[datetime, UUID],
        limit: int = ROWS_AT_A_TIME,
    ) -> Sequence[NamingEvent]:
        """Events of others behind `after` that may name the person; none if the partition is gone."""
        driver = await driver_connection(connection)
        values = {
            **_parameters(erasure),
            # As jsonb prints it, without the quotes.
            "in_json": orjson.dumps(erasure.subject.subject_id).decode()[1:-1],
            "after_time": after[0],
            "after_uuid": after[1],
            "limit": limit,
        }
        statement = sql.SQL(_NAMING).format(leaf=sql.Identifier("enrich", leaf))
        try:
            async with driver.transaction():
                rows = await (await driver.execute(statement, values)).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        return [NamingEvent(*row) for row in rows]

    async def replace(
        self, connection: AsyncConnection, app_id: str, leaf: str, event: NamingEvent
    ) -> int:
        """Writes what the event says now of its entity and its properties; how many rows."""
        driver = await driver_connection(connection)
        statement = sql.SQL(_REPLACE).format(leaf=sql.Identifier("enrich", leaf))
        cursor = await driver.execute(
            statement,
            {
                "entity_id": event.entity_id,
                "properties": exact_dumps(event.properties).decode(),
                "event_uuid": event.event_uuid,
                "occurred_at": event.occurred_at,
                "app_id": app_id,
            },
        )
        return cursor.rowcount


def _parameters(erasure: Erasure) -> dict[str, Any]:
    subject = erasure.subject
    return {
        "app_id": subject.app_id,
        "subject_id": subject.subject_id,
        "persons": list(map(UUID, subject.persons)),
        "fenced_at": erasure.fenced_at,
        "names": None if erasure.names is None else list(erasure.names),
        "withheld": sorted(erasure.withheld),
        "limit": ROWS_AT_A_TIME,
    }

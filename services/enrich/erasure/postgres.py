"""A person's events in Postgres: erased some at a time, and counted in the transactions that erase them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.exact_json import exact_dumps
from libs.common.subject_data import Erasure
from libs.events.person import (
    BEHIND_FENCE,
    NAMING_DOCUMENTS,
    OF_OTHERS,
    OWNED,
    person_values,
)
from libs.stores.postgres import driver_connection
from services.enrich.erasure.model import NO_ID, Examined, NamingEvent, Place
from services.enrich.partitions.plan import class_table

ROWS_AT_A_TIME = 2_000
# The name, the day and the session of an event of the person.
OwnEvent = tuple[str, str, str | None]
OF_PERSON: LiteralString = f"app_id = %(app_id)s AND {OWNED} AND {BEHIND_FENCE}"
CHOSEN: LiteralString = """
    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s)) AND NOT name = ANY(%(withheld)s)
"""
_LEAF: LiteralString = f"""
    SELECT relname FROM enrich.events JOIN pg_class ON pg_class.oid = events.tableoid
    WHERE {OF_PERSON} {CHOSEN} LIMIT 1
"""
_DELETE: LiteralString = f"""
    DELETE FROM {{leaf}} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {{leaf}} WHERE {OF_PERSON} {CHOSEN} LIMIT %(limit)s
    ))
    RETURNING name, (occurred_at AT TIME ZONE 'UTC')::date::text, session_id
"""
_WITHHELD: LiteralString = f"""
    SELECT name, count(*) FROM enrich.events
    WHERE {OF_PERSON} AND name = ANY(%(withheld)s) GROUP BY name ORDER BY name
"""
_NEXT_NAME: LiteralString = """
    SELECT min(name) FROM {table} WHERE app_id = %(app_id)s AND name > %(name)s
"""
# Along the index on app, name and time. What only contains the id is decided by `mentions`.
_MAY_NAME: LiteralString = f"{BEHIND_FENCE} AND {OF_OTHERS}"
_SOME: LiteralString = f"""
    SELECT event_uuid, occurred_at, {_MAY_NAME} AS names_person
    FROM {{table}}
    WHERE app_id = %(app_id)s AND name = %(name)s AND occurred_at >= %(after_time)s
        AND (occurred_at, event_uuid) > (%(after_time)s, %(after_uuid)s)
    ORDER BY occurred_at, event_uuid LIMIT %(limit)s
"""
# Locked, because an event may name two people who are erased at the same time: the second transaction has to
# read what the first one wrote.
_NAMING: LiteralString = f"""
    SELECT event_uuid, occurred_at, name, event_id, session_id, group_id, entity_type, entity_id, request_id,
        context, attribution, properties
    FROM {{table}}
    WHERE app_id = %(app_id)s AND name = %(name)s AND occurred_at >= %(after_time)s
        AND occurred_at <= %(last_time)s AND event_uuid = ANY(%(found)s) AND {_MAY_NAME}
    ORDER BY occurred_at, event_uuid FOR UPDATE
"""
# The keys of an event in the table of its class.
_THIS: LiteralString = "occurred_at = %(occurred_at)s AND app_id = %(app_id)s AND event_uuid"
_REPLACE: LiteralString = f"""
    UPDATE {{table}} SET event_uuid = %(event_uuid)s, event_id = %(event_id)s, session_id = %(session_id)s,
        group_id = %(group_id)s, entity_type = %(entity_type)s, entity_id = %(entity_id)s,
        request_id = %(request_id)s, context = %(context)s::jsonb, attribution = %(attribution)s::jsonb,
        properties = %(properties)s::jsonb
    WHERE {_THIS} = %(stored_uuid)s
"""
# An event with an id that names the person may have come again since the person's withdrawal: ingest took the
# person out then, and gave it the id that it gets here.
_CAME_AGAIN: LiteralString = f"""
    DELETE FROM {{table}} WHERE {_THIS} = %(stored_uuid)s
        AND EXISTS (SELECT FROM {{table}} WHERE {_THIS} = %(event_uuid)s)
"""


class ErasedEvents:
    """The statements; the caller's transaction is around them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def delete_some(
        self, connection: AsyncConnection, erasure: Erasure
    ) -> Sequence[OwnEvent] | None:
        """Deletes events of the person: name, day and session of each. None if none are left. Raises
        psycopg.errors.UndefinedTable if their partition was merged meanwhile."""
        values = parameters(erasure)
        leaf = await leaf_with(connection, values)
        if leaf is None:
            return None
        driver = await driver_connection(connection)
        statement = sql.SQL(_DELETE).format(leaf=sql.Identifier("enrich", leaf))
        # From the leaf, along its own indexes.
        return await (await driver.execute(statement, values)).fetchall()

    async def withheld(self, connection: AsyncConnection, erasure: Erasure) -> Mapping[str, int]:
        """How many events stay, by name."""
        driver = await driver_connection(connection)
        cursor = await driver.execute(_WITHHELD, parameters(erasure))
        return dict(await cursor.fetchall())

    async def next_name(
        self, connection: AsyncConnection, app_id: str, retention_class: str, after: str
    ) -> str | None:
        """The name behind `after`, of events of an app that are in a class; None behind the last."""
        driver = await driver_connection(connection)
        statement = sql.SQL(_NEXT_NAME).format(table=_table(retention_class))
        row = await (await driver.execute(statement, {"app_id": app_id, "name": after})).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    async def examine(
        self, connection: AsyncConnection, erasure: Erasure, place: Place, limit: int
    ) -> Examined:
        """Looks at so many events at most, those behind a place in the order of time. Those
        that may name the person stay locked until the transaction ends."""
        driver = await driver_connection(connection)
        values = {
            **parameters(erasure),
            "name": place.name,
            "after_time": place.occurred_at,
            "after_uuid": place.event_uuid,
            "limit": limit,
        }
        table = _table(place.retention_class)
        while True:
            cursor = await driver.execute(sql.SQL(_SOME).format(table=table), values)
            rows = await cursor.fetchall()
            found = [event_uuid for event_uuid, _, names_person in rows if names_person]
            if not found:
                naming = []
                break
            cursor = await driver.execute(
                sql.SQL(_NAMING).format(table=table),
                {**values, "found": found, "last_time": rows[-1][1]},
            )
            naming = [NamingEvent(*row) for row in await cursor.fetchall()]
            if len(naming) >= len(found):
                break
            # Some are gone, or have another id: that of an event which names two people changes with the
            # erasure of one of them. The new id may be anywhere among those of its moment.
            values["after_uuid"] = NO_ID
        if len(rows) < limit:
            return Examined(len(rows), naming, None)
        event_uuid, occurred_at, _ = rows[-1]
        return Examined(
            len(rows), naming, replace(place, occurred_at=occurred_at, event_uuid=event_uuid)
        )

    async def replace(
        self,
        connection: AsyncConnection,
        app_id: str,
        retention_class: str,
        stored_uuid: UUID,
        event: NamingEvent,
    ) -> int:
        """Writes what the event says now, which had the id `stored_uuid`; how many rows."""
        driver = await driver_connection(connection)
        table = _table(retention_class)
        values: dict[str, Any] = {
            "app_id": app_id,
            "stored_uuid": stored_uuid,
            **{each.name: getattr(event, each.name) for each in fields(event)},
        }
        for name in NAMING_DOCUMENTS:
            found = values[name]
            values[name] = None if found is None else exact_dumps(found).decode()
        if event.event_uuid != stored_uuid:
            cursor = await driver.execute(sql.SQL(_CAME_AGAIN).format(table=table), values)
            if cursor.rowcount:
                return cursor.rowcount
        cursor = await driver.execute(sql.SQL(_REPLACE).format(table=table), values)
        return cursor.rowcount


def _table(retention_class: str) -> sql.Composable:
    """All partitions of a class."""
    return sql.Identifier("enrich", class_table(retention_class))


async def leaf_with(connection: AsyncConnection, values: Mapping[str, Any]) -> str | None:
    """A leaf with events that `parameters` choose; None if none has any."""
    driver = await driver_connection(connection)
    row = await (await driver.execute(_LEAF, values)).fetchone()
    return None if row is None else str(row[0])


def parameters(erasure: Erasure) -> dict[str, Any]:
    """What `OF_PERSON` and `CHOSEN` name."""
    subject = erasure.subject
    return {
        "app_id": subject.app_id,
        **person_values(subject),
        "fenced_at": erasure.fenced_at,
        "names": None if erasure.names is None else list(erasure.names),
        "withheld": sorted(erasure.withheld),
        "limit": ROWS_AT_A_TIME,
    }

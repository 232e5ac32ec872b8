"""Stored events that are due to be anonymized, in Postgres."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.postgres import driver_connection
from services.enrich.anonymization.anonymize import PersonalFields
from services.enrich.anonymization.due import Due
from services.enrich.anonymization.job import StoredEvent
from services.enrich.json_text import json_text

ROWS_AT_A_TIME = 1_000
# What `anonymize.anonymized` would change of a row.
_DUE: LiteralString = """
    app_id = %(app_id)s AND name = %(name)s AND occurred_at < %(before)s
    AND (%(classes)s::text[] IS NULL OR retention_class = ANY(%(classes)s))
    AND (%(level)s::text IS NULL OR privacy_level = %(level)s) AND (
        subject_id IS NOT NULL
        OR session_id IS NOT NULL AND (anonymous_id IS NULL OR session_id !~ '^[0-9a-f]{32}$')
        OR entity_type = ANY(%(entity_types)s) AND entity_id !~ '^[0-9a-f]{32}$'
        OR properties ?| %(private)s
    )
"""
_SOME: LiteralString = f"""
    SELECT relname, events.xmin::text, occurred_at, event_uuid, event_id, subject_id, anonymous_id,
        person, session_id, group_id, entity_type, entity_id, request_id, context, attribution, properties
    FROM enrich.events JOIN pg_class ON pg_class.oid = events.tableoid
    WHERE {_DUE} LIMIT %(limit)s
"""
_OVERDUE: LiteralString = f"SELECT count(*), min(occurred_at) FROM enrich.events WHERE {_DUE}"
# If the new id is taken, the event came again, and was anonymized when it arrived: the row gets any id.
# What a correction or another person's erasure has changed since it was read stays, and is found again.
_REPLACE: LiteralString = """
    UPDATE {leaf} AS event SET
        event_uuid = CASE WHEN changed.new_uuid <> event.event_uuid AND EXISTS (
                SELECT FROM {leaf} AS other
                WHERE other.event_uuid = changed.new_uuid AND other.occurred_at = event.occurred_at
                    AND other.app_id = event.app_id
            ) THEN gen_random_uuid() ELSE changed.new_uuid END,
        event_id = changed.event_id, subject_id = NULL, anonymous_id = changed.anonymous_id,
        person = changed.person, session_id = changed.session_id, group_id = changed.group_id,
        entity_type = changed.entity_type, entity_id = changed.entity_id,
        request_id = changed.request_id, context = changed.context::jsonb,
        attribution = changed.attribution::jsonb, properties = changed.properties::jsonb
    FROM unnest(
        %(uuids)s::uuid[], %(times)s::timestamptz[], %(versions)s::text[],
        %(new_uuids)s::uuid[], %(event_ids)s::text[],
        %(anonymous_ids)s::text[], %(people)s::uuid[], %(sessions)s::text[], %(groups)s::text[],
        %(entity_types)s::text[], %(entity_ids)s::text[], %(requests)s::text[], %(contexts)s::text[],
        %(attributions)s::text[], %(properties)s::text[]
    ) AS changed (
        event_uuid, occurred_at, version, new_uuid, event_id, anonymous_id, person, session_id, group_id,
        entity_type, entity_id, request_id, context, attribution, properties
    )
    WHERE event.event_uuid = changed.event_uuid AND event.occurred_at = changed.occurred_at
        AND event.app_id = %(app_id)s AND event.xmin = changed.version::xid
"""


class PostgresNamedEvents:
    """Implements `job.NamedEvents`, some rows in a transaction."""

    def __init__(self, engine: AsyncEngine, rows_at_a_time: int = ROWS_AT_A_TIME) -> None:
        self._engine = engine
        self._rows_at_a_time = rows_at_a_time

    async def some(self, due: Due) -> list[StoredEvent]:
        """See the port."""
        parameters = {**_parameters(due), "limit": self._rows_at_a_time}
        async with self._engine.connect() as outer:
            cursor = await (await driver_connection(outer)).execute(_SOME, parameters)
            return [_stored(row) for row in await cursor.fetchall()]

    async def overdue(self, due: Due) -> tuple[int, datetime | None]:
        """See the port."""
        async with self._engine.connect() as outer:
            cursor = await (await driver_connection(outer)).execute(_OVERDUE, _parameters(due))
            [(events, oldest)] = await cursor.fetchall()
            return events, oldest

    async def replace(
        self, app_id: str, changes: Sequence[tuple[StoredEvent, PersonalFields]]
    ) -> int:
        """See the port. In the leaves, because enrich owns these alone; rows of one that was merged meanwhile
        are found again."""
        by_leaf: defaultdict[str, list[tuple[StoredEvent, PersonalFields]]] = defaultdict(list)
        for stored, fields in changes:
            by_leaf[stored.leaf].append((stored, fields))
        replaced = 0
        async with self._engine.connect() as outer, outer.begin():
            connection = await driver_connection(outer)
            # So that SQLAlchemy begins its transaction.
            await outer.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            for leaf in sorted(by_leaf):
                statement = sql.SQL(_REPLACE).format(leaf=sql.Identifier("enrich", leaf))
                try:
                    async with connection.transaction():
                        cursor = await connection.execute(
                            statement, _changes(app_id, by_leaf[leaf])
                        )
                        replaced += cursor.rowcount
                except psycopg.errors.UndefinedTable:
                    continue
        return replaced


def _parameters(due: Due) -> dict[str, object]:
    return {
        "app_id": due.app_id,
        "name": due.name,
        "before": due.before,
        "classes": None if due.classes is None else list(due.classes),
        "level": due.level,
        "entity_types": sorted(due.entity_types),
        "private": sorted(due.private),
    }


def _stored(row: Sequence[Any]) -> StoredEvent:
    leaf, version, occurred_at, event_uuid, event_id, subject_id, anonymous_id, person, *rest = row
    session_id, group_id, entity_type, entity_id, request_id, context, attribution, properties = (
        rest
    )
    fields = PersonalFields(
        event_uuid,
        event_id,
        subject_id,
        anonymous_id,
        person.hex if person is not None else None,
        session_id,
        group_id,
        entity_type,
        entity_id,
        request_id,
        context,
        attribution,
        properties,
    )
    return StoredEvent(leaf, version, occurred_at, fields)


def _changes(
    app_id: str, changes: Iterable[tuple[StoredEvent, PersonalFields]]
) -> dict[str, object]:
    pairs = list(changes)
    fields = [changed for _, changed in pairs]
    return {
        "app_id": app_id,
        "uuids": [stored.fields.event_uuid for stored, _ in pairs],
        "times": [stored.occurred_at for stored, _ in pairs],
        "versions": [stored.version for stored, _ in pairs],
        "new_uuids": [one.event_uuid for one in fields],
        "event_ids": [one.event_id for one in fields],
        "anonymous_ids": [one.anonymous_id for one in fields],
        "people": [UUID(one.person) if one.person else None for one in fields],
        "sessions": [one.session_id for one in fields],
        "groups": [one.group_id for one in fields],
        "entity_types": [one.entity_type for one in fields],
        "entity_ids": [one.entity_id for one in fields],
        "requests": [one.request_id for one in fields],
        "contexts": [_json(one.context) for one in fields],
        "attributions": [_json(one.attribution) for one in fields],
        "properties": [_json(one.properties) for one in fields],
    }


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json_text(value).decode()

"""A person's events in Postgres that stay for the numbers: anonymized some at a time, and counted in the
transactions that change them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import ENRICHED_FIELDS, Catalogs
from libs.common.errors import Unavailable
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import Erasure
from libs.stores.postgres import driver_connection
from services.enrich.anonymization.anonymize import PersonalFields
from services.enrich.erasure.anonymous import Rules, anonymous, rules_of
from services.enrich.erasure.postgres import CHOSEN, OF_PERSON, OwnEvent, leaf_with, parameters
from services.enrich.json_text import json_text

_ROWS_AT_A_TIME = 1_000
# What enrichment found. Those that numbers may read are texts; of the others nothing stays.
_ENRICHED = tuple(field.name for field in ENRICHED_FIELDS if field.is_source)
_NOT_READ = tuple(field.name for field in ENRICHED_FIELDS if not field.is_source)
_SOME: LiteralString = f"""
    SELECT name, occurred_at, event_uuid, event_id, subject_id, anonymous_id, person, session_id, group_id,
        entity_type, entity_id, request_id, context, attribution, properties, {{enriched}}
    FROM {{leaf}} WHERE {OF_PERSON} {CHOSEN} LIMIT %(limit)s FOR UPDATE
"""
# What a sender sent together was received at the same microsecond. Of counts-only events, too, the day alone
# is kept: retention takes such a row for counted when all of its day is.
_REPLACE: LiteralString = """
    UPDATE {leaf} AS event SET
        event_uuid = changed.event_uuid, received_at = date_trunc('day', event.received_at, 'UTC'),
        event_id = NULL, subject_id = NULL, anonymous_id = NULL, person = NULL, session_id = NULL,
        group_id = changed.group_id, entity_type = changed.entity_type, entity_id = changed.entity_id,
        request_id = NULL, context = changed.context, attribution = changed.attribution,
        properties = changed.properties, {set_enriched}
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS changed (
        stored_uuid uuid, occurred_at timestamptz, event_uuid uuid, group_id text, entity_type text,
        entity_id text, context jsonb, attribution jsonb, properties jsonb, {enriched_texts}
    )
    WHERE event.event_uuid = changed.stored_uuid AND event.occurred_at = changed.occurred_at
        AND event.app_id = %(app_id)s
"""
_COMMA = sql.SQL(", ")
# The columns of what enrichment found, as each of the two names them.
_OF_ENRICHMENT = {
    "enriched": _COMMA.join(map(sql.Identifier, _ENRICHED)),
    "enriched_texts": _COMMA.join(
        sql.SQL("{} text").format(sql.Identifier(name)) for name in _ENRICHED
    ),
    "set_enriched": _COMMA.join(
        [
            *(sql.SQL("{0} = changed.{0}").format(sql.Identifier(name)) for name in _ENRICHED),
            *(sql.SQL("{} = NULL").format(sql.Identifier(name)) for name in _NOT_READ),
        ]
    ),
}
# Its place in a row.
_SESSION = 7


class AnonymizedEvents:
    """Nothing of a row that is done says whose it was: so it is not found again, and what was counted in its
    transaction is counted once."""

    def __init__(self, catalogs: Catalogs, pseudonymizer: Pseudonymizer) -> None:
        self._catalogs = catalogs
        self._pseudonymizer = pseudonymizer

    async def anonymize_some(
        self, connection: AsyncConnection, erasure: Erasure
    ) -> Sequence[OwnEvent] | None:
        """Anonymizes events of the person, of all categories, in the caller's transaction: which. None if
        none are left but those of names that the catalog does not have, of which it is not known what is
        personal. Raises Unavailable without a catalog, and psycopg.errors.UndefinedTable if their
        partition was merged meanwhile."""
        rules = self._rules(erasure)
        values = {**parameters(erasure), "names": sorted(rules), "limit": _ROWS_AT_A_TIME}
        leaf = await leaf_with(connection, values)
        if leaf is None:
            return None
        driver = await driver_connection(connection)
        table = sql.Identifier("enrich", leaf)
        found = await driver.execute(sql.SQL(_SOME).format(leaf=table, **_OF_ENRICHMENT), values)
        rows = await found.fetchall()
        changed = [self._changed(rules[row[0]], erasure, row) for row in rows]
        await driver.execute(
            sql.SQL(_REPLACE).format(leaf=table, **_OF_ENRICHMENT),
            {"rows": json_text(changed).decode(), "app_id": erasure.subject.app_id},
        )
        return [_own_event(row) for row in rows]

    def _changed(self, rules: Rules, erasure: Erasure, row: Sequence[Any]) -> Mapping[str, Any]:
        """What a row says from now on, and by what it is found."""
        _, occurred_at, event_uuid, *rest = row
        stored = PersonalFields(event_uuid, *rest[: -len(_ENRICHED)])
        person = stored.person
        stored = replace(stored, person=None if person is None else UUID(str(person)).hex)
        enriched = dict(zip(_ENRICHED, rest[-len(_ENRICHED) :], strict=True))
        found, left = anonymous(self._pseudonymizer, rules, erasure.subject, stored, enriched)
        return {
            "stored_uuid": str(event_uuid),
            "occurred_at": occurred_at.isoformat(),
            "event_uuid": str(found.event_uuid),
            "group_id": found.group_id,
            "entity_type": found.entity_type,
            "entity_id": found.entity_id,
            "context": found.context,
            "attribution": found.attribution,
            "properties": found.properties,
            **left,
        }

    def _rules(self, erasure: Erasure) -> Mapping[str, Rules]:
        """By the names of the events that are to be anonymized."""
        newest = self._catalogs.newest(erasure.subject.app_id)
        if newest is None:
            raise Unavailable("no catalog of the app is loaded", retry_after_seconds=5.0)
        return {
            name: rules_of(newest.catalog, event, erasure)
            for name, event in newest.catalog.events.items()
        }


def _own_event(row: Sequence[Any]) -> OwnEvent:
    name, occurred_at, session_id = row[0], row[1], row[_SESSION]
    return name, occurred_at.astimezone(UTC).date().isoformat(), session_id

"""Stored events as tests need them: rows of `enrich.events`, written without the services."""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg

from libs.common.ids import event_uuid
from libs.common.pseudonym import person_of
from tests.support.pseudonyms import PSEUDONYMS

_JSON = ("context", "attribution", "properties")
_COLUMNS = (
    "event_uuid", "occurred_at", "received_at", "session_started_at", "app_id", "retention_class", "name",
    "schema_version", "producer", "environment", "event_id", "subject_id", "anonymous_id", "session_id",
    "group_id", "entity_type", "entity_id", "request_id", "country", "device_type", "context",
    "attribution", "properties", "person", "privacy_level", "consent_given",
)  # fmt: skip
_INSERT = "INSERT INTO enrich.events ({}) VALUES ({})".format(
    ", ".join(_COLUMNS), ", ".join(f"%({column})s" for column in _COLUMNS)
)


def row(name: str, when: str, event_id: str | None = None, **columns: Any) -> Mapping[str, Any]:
    """A row; `when` is ISO 8601 in UTC. Objects of JSON columns are Python's. `person` is the one that
    enrich would write, unless it is given."""
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    given = {
        "event_uuid": uuid.UUID(bytes=event_uuid(event_id)[0]) if event_id else uuid.uuid4(),
        "event_id": event_id,
        "occurred_at": moment,
        "received_at": moment,
        "app_id": "arena",
        "retention_class": "90d",
        "name": name,
        "schema_version": "",
        "producer": "",
        "environment": "production",
        "properties": {},
        **columns,
    }
    if "person" not in given:
        ids = [given.get(column) for column in ("subject_id", "anonymous_id")]
        given["person"] = person_of(PSEUDONYMS, given["app_id"], *ids) or None
    found = {column: given.get(column) for column in _COLUMNS}
    for column in _JSON:
        if found[column] is not None and not isinstance(found[column], str):
            found[column] = json.dumps(found[column])
    return found


def store(database_url: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows, as the owner of the database."""
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.executemany(_INSERT, list(rows))

"""Reads what privacy itself holds about one person: consent, its history, requests, and the record of
what was done."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import Export, HeldRows
from libs.stores.json_rows import json_rows

# What was in force at the moment, by the history: the next recording changes the table of what is in force.
_CONSENTS = """
    SELECT DISTINCT ON (history.purpose)
           CASE WHEN history.purpose NOT IN ('', '*') THEN history.purpose END AS purpose,
           coalesce(history.status, CASE WHEN history.granted THEN 'granted' ELSE 'denied' END) AS status,
           history.expires_at, history.age_band, history.recorded_at, history.version
    FROM privacy.consent_history AS history
    WHERE app_id = %(app_id)s AND subject_id = %(subject_id)s AND recorded_at < %(until)s
    ORDER BY history.purpose, history.version DESC
"""
_HISTORY = """
    SELECT CASE WHEN purpose NOT IN ('', '*') THEN purpose END AS purpose,
           coalesce(status, CASE WHEN granted THEN 'granted' ELSE 'denied' END) AS status,
           actor, actor_role, method, source, notice_version, recorded_at, expires_at, age_band, version
    FROM privacy.consent_history
    WHERE app_id = %(app_id)s AND subject_id = %(subject_id)s AND recorded_at < %(until)s
    ORDER BY version, purpose
"""
# As of the moment: what has ended since was open then. Without the requester, as below, and without what only
# the next steps need.
_REQUESTS = """
    SELECT request_id, kind,
           CASE WHEN done_at < %(until)s OR done_at IS NULL AND state NOT IN ('waiting', 'running')
                THEN state ELSE 'open' END AS state,
           categories, parameters ->> 'event' AS event, created_at AS requested_at,
           CASE WHEN fenced_at < %(until)s THEN fenced_at END AS fenced_at,
           CASE WHEN done_at < %(until)s THEN done_at END AS done_at
    FROM privacy.subject_requests
    WHERE app_id = %(app_id)s AND subject = ANY(%(persons)s::text[]) AND created_at < %(until)s
    ORDER BY created_at, request_id
"""
# Without the actor: who looked is not the person's, when and what for is (ADR 50).
_TRAIL = """
    SELECT occurred_at, action, purpose, outcome, details
    FROM privacy.audit_entries
    WHERE app_id = %(app_id)s AND subject = ANY(%(persons)s::text[]) AND occurred_at < %(until)s
    ORDER BY occurred_at, entry_id
"""
_QUERIES = (
    ("privacy.consents", "consents", _CONSENTS),
    ("privacy.consent_history", "consent_history", _HISTORY),
    ("privacy.subject_requests", "requests", _REQUESTS),
    ("privacy.audit_entries", "audit_trail", _TRAIL),
)


class SubjectRows:
    """The rows about a person, of one state of the tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, export: Export) -> AsyncIterator[HeldRows]:
        """See `libs.common.subject_data`; nothing if only some events are wanted. Raises as Postgres."""
        if export.names is not None:
            return
        parameters = {
            "app_id": export.subject.app_id,
            "subject_id": export.subject.subject_id,
            "persons": list(export.subject.persons),
            "until": export.received_before,
        }
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                for store, kind, query in _QUERIES:
                    async for lines in json_rows(connection, query, parameters):
                        yield HeldRows(store, kind, lines)

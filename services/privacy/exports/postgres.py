"""How far exports have come, where their files are, and until when. Values come in as parameters only."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import AuditEntry
from libs.common.expiry import OverdueData
from services.privacy.audit.postgres import add_entry
from services.privacy.exports.files import STORE, ExportFile, Removal, StoredExport
from services.privacy.requests.model import SubjectRequest
from services.privacy.requests.postgres import PostgresRequests, save

_AT_ONCE = 100
_COLUMNS = (
    "request_id, person, object_key, bytes, sha256, rows, expires_at, unwanted_by, removed_at"
)
_BEGIN = text("""
INSERT INTO privacy.exports (request_id, app_id, person, object_key)
VALUES (:request_id, :app_id, :person, :key) ON CONFLICT (request_id) DO NOTHING
""")
_FIND = text(f"""
SELECT {_COLUMNS} FROM privacy.exports WHERE app_id = :app_id AND request_id = :request_id
""")
_FINISH = text("""
UPDATE privacy.exports
SET bytes = :bytes, sha256 = :sha256, rows = CAST(:rows AS jsonb), expires_at = :expires_at
WHERE request_id = :request_id AND unwanted_by IS NULL AND removed_at IS NULL
RETURNING request_id
""")
_UNWANTED = text("""
UPDATE privacy.exports SET unwanted_by = :erasure_id
WHERE app_id = :app_id AND person = ANY(CAST(:persons AS text[])) AND removed_at IS NULL
    AND unwanted_by IS NULL
""")
# One that is still being written has no size; its writer removes it. If its request is over, a writer that
# died may have stored it, and none comes back to it.
_REMOVABLE = text(f"""
SELECT {_COLUMNS} FROM privacy.exports AS export
WHERE removed_at IS NULL AND (
    bytes IS NOT NULL AND (unwanted_by IS NOT NULL OR expires_at <= :now)
    OR bytes IS NULL AND EXISTS (
        SELECT FROM privacy.subject_requests AS request
        WHERE request.request_id = export.request_id AND request.state NOT IN ('waiting', 'running')
    ))
ORDER BY request_id LIMIT :limit
""")
_REMOVED = text("""
UPDATE privacy.exports SET removed_at = now() WHERE request_id = :request_id AND removed_at IS NULL
""")
# What another erasure of the person has marked counts as left, too.
_OF_ERASURE = text("""
SELECT count(removed_at) FILTER (WHERE unwanted_by = :erasure_id), count(*) - count(removed_at)
FROM privacy.exports
WHERE app_id = :app_id AND person = ANY(CAST(:persons AS text[])) AND unwanted_by IS NOT NULL
""")
# An erasure that is over has taken the person's id out of the request.
_IS_ERASED = text("""
SELECT NOT EXISTS (
    SELECT FROM privacy.subject_requests
    WHERE request_id = :request_id AND subject_id IS NOT NULL AND state IN ('waiting', 'running')
) OR EXISTS (
    SELECT FROM privacy.subject_requests
    WHERE app_id = :app_id AND subject = ANY(CAST(:persons AS text[]))
        AND kind = 'erasure' AND state = 'running'
)
""")
_OVERDUE = text("""
SELECT app_id, count(*), min(expires_at) FROM privacy.exports
WHERE removed_at IS NULL AND expires_at <= :now GROUP BY app_id ORDER BY app_id
""")


class PostgresExportProgress:
    """Implements `handler.ExportProgress`. All raise what Postgres raises."""

    def __init__(self, engine: AsyncEngine, requests: PostgresRequests) -> None:
        self._engine = engine
        self._requests = requests

    async def is_erased(self, request: SubjectRequest, persons: Sequence[str]) -> bool:
        """See the port."""
        values = {
            "request_id": request.request_id,
            "app_id": request.app_id,
            "persons": list(persons),
        }
        async with self._engine.connect() as connection:
            return bool((await connection.execute(_IS_ERASED, values)).scalar_one())

    async def save(self, request: SubjectRequest, entry: AuditEntry | None = None) -> bool:
        """See the port."""
        async with self._requests.changing(request.request_id) as (connection, current):
            if current is None or not current.is_open:
                return False
            # An erasure may have taken the id out meanwhile.
            subject_id = current.subject_id and request.subject_id
            await save(connection, replace(request, subject_id=subject_id))
            if entry is not None:
                await add_entry(connection, entry)
            return True


class PostgresExportFiles:
    """Implements `files.ExportFiles`. All raise what Postgres raises."""

    def __init__(self, engine: AsyncEngine, kept_days: int) -> None:
        self._engine = engine
        self._kept_days = kept_days

    async def begin(self, app_id: str, request_id: UUID, person: str, key: str) -> ExportFile:
        """See the port."""
        values = {"app_id": app_id, "request_id": request_id, "person": person, "key": key}
        async with self._engine.begin() as connection:
            await connection.execute(_BEGIN, values)
            found = (await connection.execute(_FIND, values)).one()
        return _file(found)

    async def find(self, app_id: str, request_id: UUID) -> ExportFile | None:
        """See the port."""
        async with self._engine.connect() as connection:
            values = {"app_id": app_id, "request_id": request_id}
            found = (await connection.execute(_FIND, values)).one_or_none()
        return None if found is None else _file(found)

    async def finish(self, request_id: UUID, stored: StoredExport, expires_at: datetime) -> bool:
        """See the port."""
        values = {
            "request_id": request_id,
            "bytes": stored.bytes,
            "sha256": stored.sha256,
            "rows": orjson.dumps(dict(stored.rows)).decode(),
            "expires_at": expires_at,
        }
        async with self._engine.begin() as connection:
            return (await connection.execute(_FINISH, values)).one_or_none() is not None

    async def mark_unwanted(self, erasure_id: UUID, app_id: str, persons: Sequence[str]) -> None:
        """See the port."""
        values = {"erasure_id": erasure_id, "app_id": app_id, "persons": list(persons)}
        async with self._engine.begin() as connection:
            await connection.execute(_UNWANTED, values)

    async def removable(self, now: datetime) -> list[ExportFile]:
        """See the port."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_REMOVABLE, {"now": now, "limit": _AT_ONCE})
            return list(map(_file, rows))

    async def removed(self, request_id: UUID) -> None:
        """See the port."""
        async with self._engine.begin() as connection:
            await connection.execute(_REMOVED, {"request_id": request_id})

    async def unwanted_of(self, erasure_id: UUID, app_id: str, persons: Sequence[str]) -> Removal:
        """See the port."""
        async with self._engine.connect() as connection:
            values = {"erasure_id": erasure_id, "app_id": app_id, "persons": list(persons)}
            removed, left = (await connection.execute(_OF_ERASURE, values)).one()
        return Removal(removed, left)

    async def overdue(self, now: datetime) -> list[OverdueData]:
        """See the port."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_OVERDUE, {"now": now})).all()
        return [
            OverdueData(STORE, app_id, "export", self._kept_days, files, oldest)
            for app_id, files, oldest in rows
        ]


def _file(row: Row[Any]) -> ExportFile:
    is_removed = row.removed_at is not None
    stored = None
    if row.bytes is not None and not is_removed:
        stored = StoredExport(row.bytes, row.sha256, row.rows)
    return ExportFile(
        row.request_id,
        row.person,
        row.object_key,
        stored,
        row.expires_at,
        row.unwanted_by is not None,
        is_removed,
    )

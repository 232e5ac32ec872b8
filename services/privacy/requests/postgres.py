"""The journal of requests in Postgres."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.audit import AuditEntry
from libs.common.subject_data import StoreCounts
from services.privacy.audit.postgres import add_entry
from services.privacy.requests.model import (
    Hold,
    Kind,
    RequestCursor,
    RequestQuery,
    State,
    Step,
    StepState,
    SubjectRequest,
)

_COLUMNS = """
    request_id, app_id, kind, state, subject, subject_id, categories, requester, created_at, due_at,
    parameters, fenced_at, done_at, expires_at, steps, failure, result
"""
_INSERT = text(f"""
INSERT INTO privacy.subject_requests ({_COLUMNS})
VALUES (:request_id, :app_id, :kind, :state, :subject, :subject_id, :categories, :requester, :created_at,
    :due_at, CAST(:parameters AS jsonb), :fenced_at, :done_at, :expires_at, CAST(:steps AS jsonb), :failure,
    CAST(:result AS jsonb))
""")
_SAVE = text("""
UPDATE privacy.subject_requests SET state = :state, subject_id = :subject_id, fenced_at = :fenced_at,
    done_at = :done_at, expires_at = :expires_at, steps = CAST(:steps AS jsonb), failure = :failure,
    result = CAST(:result AS jsonb)
WHERE request_id = :request_id
""")
_BEGIN_BY = text("""
UPDATE privacy.subject_requests SET due_at = :due_at WHERE request_id = :request_id
""")
_GET = text(f"SELECT {_COLUMNS} FROM privacy.subject_requests WHERE request_id = :request_id")
_LOCK = text(
    f"SELECT {_COLUMNS} FROM privacy.subject_requests WHERE request_id = :request_id FOR UPDATE"
)
_OPEN_ERASURE = text(f"""
SELECT {_COLUMNS} FROM privacy.subject_requests
WHERE kind = 'erasure' AND state IN ('waiting', 'running')
    AND app_id = :app_id AND subject = :subject AND categories = :categories
""")
_DUE = text("""
SELECT request_id FROM privacy.subject_requests
WHERE state IN ('waiting', 'running') AND due_at <= :now ORDER BY due_at LIMIT :limit
""")
# Of a transaction that stays open meanwhile: it ends with its process, however that ends.
_TURN = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:request_id, 49))")
# A transaction that asks for a hold is sure of the answer until it ends. By the app: a person has several
# pseudonyms, and a hold has one of them.
_LOCK_HOLDS_SHARED = text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('weir.subject_holds/' || :app_id, 0))"
)
_LOCK_HOLDS = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('weir.subject_holds/' || :app_id, 0))"
)
_HOLD = text(
    "SELECT reason, placed_by FROM privacy.subject_holds WHERE app_id = :app_id AND subject = ANY(:subjects)"
)
_PLACE_HOLD = text("""
INSERT INTO privacy.subject_holds (app_id, subject, reason, placed_by, placed_at)
VALUES (:app_id, :subject, :reason, :placed_by, :placed_at)
ON CONFLICT (app_id, subject) DO UPDATE SET reason = excluded.reason, placed_by = excluded.placed_by,
    placed_at = excluded.placed_at
""")
_RESTRICTED = text(
    """
    SELECT subject_id FROM privacy.consents
    WHERE app_id = :app_id AND purpose = '*' AND status = 'restricted'
        AND (CAST(:after AS text) IS NULL OR subject_id > :after)
    ORDER BY subject_id LIMIT :limit
    """
)
_RELEASE_HOLD = text(
    "DELETE FROM privacy.subject_holds WHERE app_id = :app_id AND subject = ANY(:subjects)"
)
_CONDITIONS = {
    "subjects": "subject = ANY(:subjects)",
    "kind": "kind = :kind",
    "state": "state = :state",
    "created_at": "(created_at, request_id) < (:created_at, :request_id)",
}


class PostgresRequests:
    """All requests. Every method raises what Postgres raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def create(self, request: SubjectRequest, entry: AuditEntry) -> SubjectRequest:
        """Adds a request, and an entry of the audit trail with it. If its id is there, or an open erasure
        that asks for the same, nothing is added, and that one is returned."""
        try:
            async with self.engine.begin() as connection:
                await connection.execute(_INSERT, _values(request))
                await add_entry(connection, entry)
        except IntegrityError:
            found = await self.get(request.request_id) or await self._open_erasure(request)
            if found is None:
                # It has ended meanwhile.
                return await self.create(request, entry)
            return found
        return request

    async def get(self, request_id: UUID) -> SubjectRequest | None:
        """The request; None if there is none."""
        async with self.engine.connect() as connection:
            row = (await connection.execute(_GET, {"request_id": request_id})).first()
        return None if row is None else _request(row)

    async def list(
        self, query: RequestQuery, after: RequestCursor | None, limit: int
    ) -> Sequence[SubjectRequest]:
        """Requests behind `after`, the newest first; from the newest on if it is None."""
        values: dict[str, Any] = {
            "subjects": None if query.subjects is None else list(query.subjects),
            "kind": query.kind,
            "state": query.state,
            "created_at": after.created_at if after else None,
        }
        chosen = {name: value for name, value in values.items() if value is not None}
        where = "".join(f" AND {_CONDITIONS[name]}" for name in chosen)
        statement = text(
            f"SELECT {_COLUMNS} FROM privacy.subject_requests WHERE app_id = :app_id{where}"
            " ORDER BY created_at DESC, request_id DESC LIMIT :limit"
        )
        if after:
            chosen["request_id"] = after.request_id
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                statement, {**chosen, "app_id": query.app_id, "limit": limit}
            )
            return list(map(_request, rows))

    async def due(self, now: datetime, limit: int) -> Sequence[UUID]:
        """Open requests whose time has come, the longest due first."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(_DUE, {"now": now, "limit": limit})
            return rows.scalars().all()

    @asynccontextmanager
    async def turn(self, request_id: UUID) -> AsyncIterator[bool]:
        """Whether this process may work on the request; no other one does during the block."""
        async with self.engine.connect() as connection:
            found = await connection.execute(_TURN, {"request_id": str(request_id)})
            yield bool(found.scalar_one())

    @asynccontextmanager
    async def changing(
        self, request_id: UUID
    ) -> AsyncIterator[tuple[AsyncConnection, SubjectRequest | None]]:
        """A transaction that holds the request; what the block writes with `save` is committed at its end."""
        async with self.engine.begin() as connection:
            yield connection, await locked(connection, request_id)

    async def update(self, request: SubjectRequest) -> None:
        """Writes how far a request has come, unless it has ended meanwhile."""
        async with self.changing(request.request_id) as (connection, current):
            if current is not None and current.is_open:
                await save(connection, request)

    async def hold(self, app_id: str, subjects: Sequence[str]) -> Hold | None:
        """Why data of the person with these pseudonyms must be kept; None if nothing demands it."""
        async with self.engine.connect() as connection:
            return await hold_of(connection, app_id, subjects)

    async def place_hold(
        self, app_id: str, subject: str, hold: Hold, placed_at: datetime, entry: AuditEntry
    ) -> None:
        """Places a hold, in place of the one there is. On return no transaction is under way that found none
        with `hold_of`."""
        async with self.engine.begin() as connection:
            await connection.execute(_LOCK_HOLDS, {"app_id": app_id})
            await connection.execute(
                _PLACE_HOLD,
                {
                    "app_id": app_id,
                    "subject": subject,
                    "reason": hold.reason,
                    "placed_by": hold.placed_by,
                    "placed_at": placed_at,
                },
            )
            await add_entry(connection, entry)

    async def release_hold(self, app_id: str, subjects: Sequence[str], entry: AuditEntry) -> None:
        """Ends a hold, if there is one."""
        async with self.engine.begin() as connection:
            await connection.execute(_RELEASE_HOLD, {"app_id": app_id, "subjects": list(subjects)})
            await add_entry(connection, entry)

    async def restricted(self, app_id: str, after: str | None, limit: int) -> Sequence[str]:
        """The ids of people whose data are restricted in an app, in their order: `limit` at most, of those
        behind `after`."""
        async with self.engine.connect() as connection:
            values = {"app_id": app_id, "after": after, "limit": limit}
            found = await connection.execute(_RESTRICTED, values)
            return found.scalars().all()

    async def _open_erasure(self, request: SubjectRequest) -> SubjectRequest | None:
        values = {
            "app_id": request.app_id,
            "subject": request.subject,
            "categories": list(request.categories),
        }
        async with self.engine.connect() as connection:
            row = (await connection.execute(_OPEN_ERASURE, values)).first()
        return None if row is None else _request(row)


async def locked(connection: AsyncConnection, request_id: UUID) -> SubjectRequest | None:
    """The request as it stays until the caller's transaction ends; None if there is none."""
    row = (await connection.execute(_LOCK, {"request_id": request_id})).first()
    return None if row is None else _request(row)


async def hold_of(connection: AsyncConnection, app_id: str, subjects: Sequence[str]) -> Hold | None:
    """`PostgresRequests.hold`, in the caller's transaction: no hold is placed before that ends."""
    await connection.execute(_LOCK_HOLDS_SHARED, {"app_id": app_id})
    values = {"app_id": app_id, "subjects": list(subjects)}
    row = (await connection.execute(_HOLD, values)).first()
    return None if row is None else Hold(*row)


async def begin_by(connection: AsyncConnection, request_id: UUID, due_at: datetime) -> None:
    """Writes when a request that waits is to begin, in the caller's transaction."""
    await connection.execute(_BEGIN_BY, {"request_id": request_id, "due_at": due_at})


async def save(connection: AsyncConnection, request: SubjectRequest) -> None:
    """Writes how far a request has come, in the caller's transaction."""
    await connection.execute(_SAVE, _values(request))


def _values(request: SubjectRequest) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "app_id": request.app_id,
        "kind": str(request.kind),
        "state": str(request.state),
        "subject": request.subject,
        "subject_id": request.subject_id,
        "categories": list(request.categories),
        "requester": request.requester,
        "created_at": request.created_at,
        "due_at": request.due_at,
        "parameters": _json(dict(request.parameters)),
        "fenced_at": request.fenced_at,
        "done_at": request.done_at,
        "expires_at": request.expires_at,
        "steps": _json(list(request.steps)),
        "failure": request.failure,
        "result": None if request.result is None else _json(dict(request.result)),
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _request(row: Any) -> SubjectRequest:
    return SubjectRequest(
        request_id=row.request_id,
        app_id=row.app_id,
        kind=Kind(row.kind),
        state=State(row.state),
        subject=row.subject,
        subject_id=row.subject_id,
        categories=tuple(row.categories),
        requester=row.requester,
        created_at=row.created_at,
        due_at=row.due_at,
        parameters=row.parameters,
        fenced_at=row.fenced_at,
        done_at=row.done_at,
        expires_at=row.expires_at,
        steps=tuple(
            Step(
                step["name"],
                step["service"],
                StepState(step["state"]),
                tuple(StoreCounts(**counts) for counts in step["stores"]),
                step["note"],
            )
            for step in row.steps
        ),
        failure=row.failure,
        result=row.result,
    )

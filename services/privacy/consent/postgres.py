"""Consent in Postgres, the source of truth."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import EPOCH, moment_of
from libs.common.errors import Unavailable
from libs.consent import ConsentState
from libs.stores.postgres import POSTGRES_DOWN
from services.privacy.consent.model import (
    HistoryCursor,
    HistoryEntry,
    Recorded,
    Recording,
    StoredState,
    Subject,
)

# Held to the end of the transaction: one writer for each subject, and the app's writers as one shared lock
# for `wait_for_writers`. Advisory, since a subject without rows has none to lock; a statement of
# its own, so that the next one sees what the writer before has committed.
LOCK_SUBJECT = text(
    """
    SELECT pg_advisory_xact_lock_shared(hashtextextended(:app_id, 1)),
           pg_advisory_xact_lock(hashtextextended(:app_id || '/' || :subject_id, 2))
    """
)
# Waits for the transactions that hold `LOCK_SUBJECT` of the app.
WAIT_FOR_WRITERS = text("SELECT pg_advisory_xact_lock(hashtextextended(:app_id, 1))")

# The state of some subjects: the version is that of the latest choice.
READ = text(
    """
    SELECT subject_id, max(version), array_agg(purpose), array_agg(granted)
    FROM privacy.consents
    WHERE app_id = :app_id AND subject_id = ANY(:subject_ids)
    GROUP BY subject_id
    """
)
# The same for the next subjects of an app, along the primary key.
PAGE = text(
    """
    SELECT subject_id, max(version), array_agg(purpose), array_agg(granted)
    FROM privacy.consents
    WHERE app_id = :app_id AND subject_id > :after
    GROUP BY subject_id
    ORDER BY subject_id
    LIMIT :limit
    """
)
# Draws `count` versions and gives the last. `setval` would be shorter, but could undo a jump that
# another connection makes at the same time.
NEXT_VERSION = text(
    "SELECT max(nextval('privacy.consent_version')) FROM generate_series(1, :count)"
)
# A version this far behind is caught up with in several calls.
MAX_VERSIONS_AT_ONCE = 1_000_000

RECORD = text(
    """
    INSERT INTO privacy.consents (app_id, subject_id, purpose, granted, version, recorded_at)
    SELECT :app_id, :subject_id, choice.purpose, choice.granted, :version, :recorded_at
    FROM unnest(CAST(:purposes AS text[]), CAST(:granted AS boolean[])) AS choice (purpose, granted)
    ON CONFLICT (app_id, subject_id, purpose) DO UPDATE
    SET granted = excluded.granted, version = excluded.version, recorded_at = excluded.recorded_at
    """
)
APPEND_HISTORY = text(
    """
    INSERT INTO privacy.consent_history
        (app_id, subject_id, version, purpose, granted, actor, method, notice_version, recorded_at)
    SELECT :app_id, :subject_id, :version, choice.purpose, choice.granted,
           :actor, :method, :notice_version, :recorded_at
    FROM unnest(CAST(:purposes AS text[]), CAST(:granted AS boolean[])) AS choice (purpose, granted)
    """
)
HISTORY = text(
    """
    SELECT version, purpose, granted, actor, method, notice_version, recorded_at
    FROM privacy.consent_history
    WHERE app_id = :app_id AND subject_id = :subject_id
      AND (version, purpose) > (:version, :purpose)
    ORDER BY version, purpose
    LIMIT :limit
    """
)


class PostgresConsentStore:
    """See `ports.ConsentStore`. No call takes longer than `timeout_seconds`."""

    def __init__(self, engine: AsyncEngine, timeout_seconds: float) -> None:
        self._engine = engine
        self._timeout = timeout_seconds

    @asynccontextmanager
    async def transaction(self, subject: Subject) -> AsyncIterator["PostgresConsentTransaction"]:
        async with self._begin() as connection:
            await connection.execute(LOCK_SUBJECT, subject._asdict())
            yield PostgresConsentTransaction(connection, subject)

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[ConsentState | None]:
        async with self._begin() as connection:
            rows = await connection.execute(
                READ, {"app_id": app_id, "subject_ids": list(subject_ids)}
            )
            states = dict(map(_stored_state, rows))
        return [states.get(subject_id) for subject_id in subject_ids]

    async def page(self, app_id: str, after_subject_id: str, limit: int) -> list[StoredState]:
        async with self._begin() as connection:
            rows = await connection.execute(
                PAGE, {"app_id": app_id, "after": after_subject_id, "limit": limit}
            )
            return list(map(_stored_state, rows))

    async def history(
        self, subject: Subject, after: HistoryCursor, limit: int
    ) -> list[HistoryEntry]:
        async with self._begin() as connection:
            rows = await connection.execute(
                HISTORY, {**subject._asdict(), **after._asdict(), "limit": limit}
            )
            return [
                HistoryEntry(
                    version=row.version,
                    purpose=row.purpose,
                    granted=row.granted,
                    actor=row.actor,
                    method=row.method,
                    notice_version=row.notice_version,
                    recorded_at_us=_microseconds(row.recorded_at),
                )
                for row in rows
            ]

    async def wait_for_writers(self, app_id: str) -> None:
        async with self._begin() as connection:
            await connection.execute(WAIT_FOR_WRITERS, {"app_id": app_id})

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with asyncio.timeout(self._timeout), self._engine.begin() as connection:
                yield connection
        except POSTGRES_DOWN as error:
            raise Unavailable("Postgres does not answer", retry_after_seconds=1.0) from error
        except ProgrammingError as error:
            # Migrated later; until then the mirror cannot be filled, and privacy is not ready.
            raise Unavailable("the database is not migrated", retry_after_seconds=1.0) from error


class PostgresConsentTransaction:
    """See `ports.ConsentTransaction`."""

    def __init__(self, connection: AsyncConnection, subject: Subject) -> None:
        self._connection = connection
        self._subject = subject

    async def state(self) -> ConsentState | None:
        rows = await self._connection.execute(
            READ, {"app_id": self._subject.app_id, "subject_ids": [self._subject.subject_id]}
        )
        row = rows.first()
        return _stored_state(row)[1] if row else None

    async def next_version(self, above: int = 0) -> int:
        version = await self._draw(1)
        while version <= above:
            version = await self._draw(min(above - version + 1, MAX_VERSIONS_AT_ONCE))
        return version

    async def record(self, recording: Recording, recorded: Recorded) -> None:
        values: Mapping[str, Any] = {
            **self._subject._asdict(),
            "version": recorded.version,
            "recorded_at": moment_of(recorded.recorded_at_us),
            "purposes": list(recording.choices),
            "granted": list(recording.choices.values()),
        }
        await self._connection.execute(RECORD, values)
        await self._connection.execute(
            APPEND_HISTORY,
            {
                **values,
                "actor": recording.actor,
                "method": recording.method,
                "notice_version": recording.notice_version,
            },
        )

    async def _draw(self, count: int) -> int:
        return int((await self._connection.execute(NEXT_VERSION, {"count": count})).scalar_one())


def _stored_state(row: Any) -> StoredState:
    subject_id, version, purposes, granted = row
    return subject_id, ConsentState(version, dict(zip(purposes, granted, strict=True)))


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)

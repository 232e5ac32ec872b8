"""Consent in Postgres, the source of truth."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.audit import AuditEntry
from libs.common.clock import moment_of, us_of
from libs.common.errors import Unavailable
from libs.consent import ALL_PURPOSES, Choice, ConsentState, Restriction, Status
from libs.consent.keys import erased_id
from libs.stores.postgres import POSTGRES_DOWN
from services.privacy.audit.postgres import add_entry
from services.privacy.consent.changes import Change, Kept
from services.privacy.consent.model import (
    ActorRole,
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

# The version of a state is that of its latest choice. Without a status: recorded by a release that knew none.
# Person by person: without statistics of ids (ADR 67) the planner takes many people for so many rows that it
# would read the whole table.
_STATE = """
    SELECT asked.subject_id, state.* FROM asked CROSS JOIN LATERAL (
        SELECT max(version),
               array_agg(purpose),
               array_agg(coalesce(status, CASE WHEN granted THEN 'granted' ELSE 'denied' END)),
               array_agg(version),
               array_agg((extract(epoch FROM recorded_at) * 1000000)::bigint),
               array_agg((extract(epoch FROM expires_at) * 1000000)::bigint),
               array_agg(by_guardian),
               max(age_band)
        FROM privacy.consents
        WHERE app_id = :app_id AND subject_id = asked.subject_id
        HAVING count(*) > 0
    ) AS state
    """
# The state of some subjects.
READ = text("WITH asked AS (SELECT unnest(CAST(:subject_ids AS text[])) AS subject_id)" + _STATE)
# The same for the next subjects of an app, along the primary key.
PAGE = text(
    """
    WITH RECURSIVE asked (subject_id, place) AS (
        SELECT CAST(:after AS text), 0
        UNION ALL
        SELECT following.subject_id, place + 1 FROM asked CROSS JOIN LATERAL (
            SELECT subject_id FROM privacy.consents
            WHERE app_id = :app_id AND subject_id > asked.subject_id
            ORDER BY subject_id LIMIT 1
        ) AS following
        WHERE place < :limit
    )
    """
    + _STATE
    + "WHERE place > 0 ORDER BY place"
)
# Draws `count` versions and gives the last. `setval` would be shorter, but could undo a jump that
# another connection makes at the same time.
NEXT_VERSION = text(
    "SELECT max(nextval('privacy.consent_version')) FROM generate_series(1, :count)"
)
# A version this far behind is caught up with in several calls.
MAX_VERSIONS_AT_ONCE = 1_000_000

# What an erasure keeps under the pseudonym.
KEEP_DENIAL = text(
    f"""
    INSERT INTO privacy.consents (app_id, subject_id, purpose, granted, version, recorded_at, status)
    SELECT app_id, :subject_id, purpose, false, version, recorded_at, status FROM privacy.consents
    WHERE app_id = :app_id AND subject_id = ANY(:stand_ins) AND purpose = '{ALL_PURPOSES}'
    ORDER BY version DESC LIMIT 1
    ON CONFLICT DO NOTHING
    """
)
# The purpose and the status of the row that has a person's age band.
AGE_BAND, AGE_BAND_STATUS = "", "age_band"
# The same of the row that says whether processing is restricted. No purpose is called so.
RESTRICTION, RESTRICTED, LIFTED = "*", "restricted", "lifted"

_CHOICES = """
    unnest(CAST(:purposes AS text[]), CAST(:statuses AS text[]), CAST(:ends AS timestamptz[]),
           CAST(:guardians AS boolean[]), CAST(:age_bands AS text[]))
        AS choice (purpose, status, expires_at, by_guardian, age_band)
    """
RECORD = text(
    f"""
    INSERT INTO privacy.consents
        (app_id, subject_id, purpose, granted, status, version, recorded_at, expires_at, by_guardian,
         age_band)
    SELECT :app_id, :subject_id, choice.purpose, choice.status = 'granted', choice.status,
           :version, :recorded_at, choice.expires_at, choice.by_guardian, choice.age_band
    FROM {_CHOICES}
    ON CONFLICT (app_id, subject_id, purpose) DO UPDATE
    SET granted = excluded.granted, status = excluded.status, version = excluded.version,
        recorded_at = excluded.recorded_at, expires_at = excluded.expires_at,
        by_guardian = excluded.by_guardian, age_band = excluded.age_band
    """
)
APPEND_HISTORY = text(
    f"""
    INSERT INTO privacy.consent_history
        (app_id, subject_id, version, purpose, granted, status, actor, actor_role, method, source,
         notice_version, recorded_at, expires_at, age_band)
    SELECT :app_id, :subject_id, :version, choice.purpose, choice.status = 'granted', choice.status,
           :actor, :actor_role, :method, :source, :notice_version, :recorded_at, choice.expires_at,
           choice.age_band
    FROM {_CHOICES}
    """
)
# The window is before the limit: the next entry of a purpose may be on a later page.
HISTORY = text(
    """
    SELECT version, purpose, actor, actor_role, method, source, notice_version, recorded_at,
           expires_at, replaced_at, age_band,
           coalesce(status, CASE WHEN granted THEN 'granted' ELSE 'denied' END) AS status
    FROM (
        SELECT *, lead(recorded_at) OVER (PARTITION BY purpose ORDER BY version) AS replaced_at
        FROM privacy.consent_history
        WHERE app_id = :app_id AND subject_id = :subject_id
    ) AS entries
    WHERE (version, purpose) > (:version, :purpose)
    ORDER BY version, purpose
    LIMIT :limit
    """
)
KEPT = text(
    "SELECT forgotten_through, last_number FROM privacy.consent_changes WHERE app_id = :app_id"
)
# The last numbers by app, and whether committed recordings have none yet.
NEWEST = text(
    """
    SELECT (SELECT coalesce(jsonb_object_agg(app_id, last_number), '{}') FROM privacy.consent_changes)
               AS numbers,
           EXISTS (SELECT FROM privacy.consent_history WHERE change_number IS NULL) AS are_behind
    """
)
# One process at a time, in a statement of its own: the next one sees what the process before numbered.
LOCK_NUMBERS = text("SELECT pg_advisory_xact_lock(hashtextextended('privacy.consent_changes', 3))")
# Behind all numbers that watchers may have seen. By version, since it is drawn under the subject's lock: a
# recording comes after all those that were committed before it began.
NUMBER = text(
    """
    WITH unnumbered AS (
        SELECT DISTINCT app_id, version FROM privacy.consent_history WHERE change_number IS NULL
    ), numbered AS (
        SELECT app_id, version, coalesce(known.last_number, 0)
                   + row_number() OVER (PARTITION BY app_id ORDER BY version) AS number
        FROM unnumbered LEFT JOIN privacy.consent_changes AS known USING (app_id)
    ), recordings AS (
        UPDATE privacy.consent_history AS history SET change_number = numbered.number
        FROM numbered
        WHERE history.app_id = numbered.app_id AND history.version = numbered.version
            AND history.change_number IS NULL
    )
    INSERT INTO privacy.consent_changes (app_id, last_number)
    SELECT app_id, max(number) FROM numbered GROUP BY app_id
    ON CONFLICT (app_id) DO UPDATE SET last_number = excluded.last_number
    """
)
CHANGES = text(
    """
    SELECT change_number, subject_id, version, purpose, actor, actor_role, method, source,
           notice_version, recorded_at, expires_at, NULL AS replaced_at, age_band,
           coalesce(status, CASE WHEN granted THEN 'granted' ELSE 'denied' END) AS status
    FROM privacy.consent_history
    WHERE app_id = :app_id AND change_number > :after AND change_number <= :through
    ORDER BY change_number, purpose
    """
)


class PostgresConsentStore:
    """See `ports.ConsentStore` and `changes.ChangeStore`. No call takes longer than `timeout_seconds`."""

    def __init__(self, engine: AsyncEngine, timeout_seconds: float) -> None:
        self._engine = engine
        # Asked several times a second, and mostly with nothing to number: without a transaction around it.
        self._probing = engine.execution_options(isolation_level="AUTOCOMMIT")
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
            return list(map(_history_entry, rows))

    async def kept(self, app_id: str) -> Kept:
        async with self._begin() as connection:
            row = (await connection.execute(KEPT, {"app_id": app_id})).first()
        return Kept(*row) if row else Kept()

    async def newest(self) -> dict[str, int]:
        async with self._begin(self._probing) as connection:
            newest = (await connection.execute(NEWEST)).one()
        if newest.are_behind:
            async with self._begin() as connection:
                await connection.execute(LOCK_NUMBERS)
                await connection.execute(NUMBER)
                newest = (await connection.execute(NEWEST)).one()
        return dict(newest.numbers)

    async def changes(self, app_id: str, after: int, through: int) -> list[Change]:
        bounds = {"app_id": app_id, "after": after, "through": through}
        async with self._begin() as connection:
            rows = (await connection.execute(CHANGES, bounds)).all()
        return [
            Change(number, subject_id, list(map(_history_entry, entries)))
            for (number, subject_id), entries in groupby(
                rows, key=lambda row: (row.change_number, row.subject_id)
            )
        ]

    async def wait_for_writers(self, app_id: str) -> None:
        async with self._begin() as connection:
            await connection.execute(WAIT_FOR_WRITERS, {"app_id": app_id})

    @asynccontextmanager
    async def _begin(self, engine: AsyncEngine | None = None) -> AsyncIterator[AsyncConnection]:
        try:
            async with (
                asyncio.timeout(self._timeout),
                (engine or self._engine).begin() as connection,
            ):
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

    async def keep_denial(self, persons: Sequence[str]) -> ConsentState | None:
        stand_ins = [erased_id(person) for person in persons]
        found = await self._connection.execute(
            KEEP_DENIAL, {**self._subject._asdict(), "stand_ins": stand_ins}
        )
        return await self.state() if found.rowcount else None

    async def kept_denial(self, persons: Sequence[str]) -> StoredState | None:
        stand_ins = [erased_id(person) for person in persons]
        rows = await self._connection.execute(
            READ, {"app_id": self._subject.app_id, "subject_ids": stand_ins}
        )
        return max(map(_stored_state, rows), key=lambda kept: kept[1].version, default=None)

    async def next_version(self, above: int = 0) -> int:
        version = await self._draw(1)
        while version <= above:
            version = await self._draw(min(above - version + 1, MAX_VERSIONS_AT_ONCE))
        return version

    async def record(self, recording: Recording, recorded: Recorded) -> None:
        rows: list[tuple[str, str, datetime | None, bool, str | None]] = [
            (
                purpose,
                choice.status.name.lower(),
                _moment(choice.expires_at_us),
                choice.by_guardian,
                None,
            )
            for purpose, choice in recording.new_choices(recorded.recorded_at_us).items()
        ]
        if recording.age_band:
            rows.append((AGE_BAND, AGE_BAND_STATUS, None, False, recording.age_band))
        if recording.restricts is not None:
            status = RESTRICTED if recording.restricts else LIFTED
            rows.append((RESTRICTION, status, None, False, None))
        columns = ("purposes", "statuses", "ends", "guardians", "age_bands")
        values: Mapping[str, Any] = {
            **self._subject._asdict(),
            "version": recorded.version,
            "recorded_at": moment_of(recorded.recorded_at_us),
            **dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)),
        }
        await self._connection.execute(RECORD, values)
        await self._connection.execute(
            APPEND_HISTORY,
            {
                **values,
                "actor": recording.actor,
                "actor_role": _role_text(recording.actor_role),
                "method": recording.method,
                "source": recording.source,
                "notice_version": recording.notice_version,
            },
        )

    async def audit(self, entry: AuditEntry) -> None:
        await add_entry(self._connection, entry)

    @property
    def connection(self) -> AsyncConnection:
        """For what else is written in the same transaction."""
        return self._connection

    async def _draw(self, count: int) -> int:
        return int((await self._connection.execute(NEXT_VERSION, {"count": count})).scalar_one())


def _stored_state(row: Any) -> StoredState:
    subject_id, version, purposes, statuses, *columns, age_band = row
    choices, restriction = {}, None
    for purpose, status, *details in zip(purposes, statuses, *columns, strict=True):
        if status == RESTRICTED:
            restriction = Restriction(*details[:2])
        elif purpose not in (AGE_BAND, RESTRICTION):
            choices[purpose] = Choice(Status[status.upper()], *details)
    return subject_id, ConsentState(version, choices, age_band or "", restriction)


def _history_entry(row: Any) -> HistoryEntry:
    return HistoryEntry(
        version=row.version,
        purpose=row.purpose,
        status=None if row.purpose in (AGE_BAND, RESTRICTION) else Status[row.status.upper()],
        actor=row.actor,
        method=row.method,
        notice_version=row.notice_version,
        recorded_at_us=us_of(row.recorded_at),
        source=row.source,
        actor_role=ActorRole[row.actor_role.upper() or "UNSPECIFIED"],
        expires_at_us=_microseconds(row.expires_at),
        replaced_at_us=_microseconds(row.replaced_at),
        age_band=row.age_band or "",
        restricts=row.status == RESTRICTED if row.purpose == RESTRICTION else None,
    )


def _role_text(role: ActorRole) -> str:
    return role.name.lower() if role else ""


def _moment(us: int | None) -> datetime | None:
    return None if us is None else moment_of(us)


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else us_of(moment)

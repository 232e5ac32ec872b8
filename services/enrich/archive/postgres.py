"""The archive's journal in Postgres, and the events that become files.

The events of a file are deleted in the transaction that makes the file a part of the archive: they are always
in one of both, and never in both.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import Unavailable
from libs.common.ids import new_uuid7
from libs.events.digest import DIGEST_SQL, VALUES_SQL, Row
from libs.stores.postgres import driver_connection
from services.enrich.archive.erasing import ErasedRows
from services.enrich.archive.model import ArchivedFile, Contents, Facts, FileState, Unit
from services.enrich.retention.limits import Limit
from services.enrich.retention.postgres import DUE, PAST, parameters_of
from services.enrich.retention.removal import Span

ROWS_AT_A_TIME = 20_000
# "weir arch" as a number, like the lock of the migrations.
_TURN: LiteralString = "SELECT pg_try_advisory_xact_lock(1999989106, 1634886504)"
# Longer than an erasure keeps it, but for the file that it is at.
_LONG_WAIT: LiteralString = "SET LOCAL lock_timeout = '90s'"
_NEXT_TURN: LiteralString = "SELECT pg_advisory_xact_lock(1999989106, 1634886504)"
_IS_FREE: LiteralString = """
    SELECT NOT EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 1999989106 AND objid = 1634886504
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
"""
_UNITS: LiteralString = f"""
    SELECT app_id, (occurred_at AT TIME ZONE 'UTC')::date, relname
    FROM enrich.events JOIN pg_class ON pg_class.oid = events.tableoid
    WHERE {PAST} AND app_id = ANY(%(apps)s) AND {DUE} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_OF_UNIT: LiteralString = f"""
    {PAST} AND app_id = %(unit_app)s AND {DUE}
    AND occurred_at >= %(start)s AND occurred_at < %(end)s
"""
# In the order of bytes. Readers of a file can rely on name and time.
_IN_ORDER: LiteralString = (
    'ORDER BY name COLLATE "C", occurred_at, event_uuid, retention_class COLLATE "C"'
)
_BEGIN: LiteralString = """
    INSERT INTO enrich.archive_files (file_id, app_id, day, state) VALUES (%s, %s, %s, 'writing')
"""
_TAKE: LiteralString = """
    UPDATE enrich.archive_files SET state = 'taken', archived_at = now(), events = %(events)s,
        digest = %(digest)s, names = %(names)s, first_at = %(first_at)s, last_at = %(last_at)s,
        size_bytes = %(size_bytes)s, sha256 = %(sha256)s
    WHERE file_id = %(file_id)s AND state = 'writing'
"""
_FILES: LiteralString = """
    SELECT file_id, app_id, day, state, archived_at, events, digest, names, first_at, last_at, size_bytes,
        sha256
    FROM enrich.archive_files
"""
_UNFINISHED_DAYS: LiteralString = """
    SELECT DISTINCT app_id, day FROM enrich.archive_files WHERE state IN ('taken', 'leaving') ORDER BY 1, 2
"""
_UNSEEN: LiteralString = f"""
    {_FILES} AS file WHERE app_id = %s AND state = 'published' AND NOT EXISTS (
        SELECT FROM enrich.archive_erasures AS seen
        WHERE seen.request_id = %s AND seen.file_id = file.file_id
    ) ORDER BY day, file_id
"""
_SAW: LiteralString = """
    INSERT INTO enrich.archive_erasures (request_id, file_id, erased, anonymized, withheld)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_LEAVE: LiteralString = """
    UPDATE enrich.archive_files SET state = 'leaving' WHERE file_id = %s AND state = 'published'
"""
_ERASED: LiteralString = """
    SELECT sum(erased), sum(anonymized), sum(withheld)
    FROM enrich.archive_erasures WHERE request_id = %s
"""
_HAS_FILES: LiteralString = "SELECT EXISTS (SELECT FROM enrich.archive_files WHERE app_id = %s)"
# A day's schema is `restored_APP_20260822`.
_RESTORED: LiteralString = r"""
    SELECT nspname FROM pg_namespace
    WHERE nspowner = 'weir_enrich'::regrole AND nspname ~ ('^restored_' || %s || '_[0-9]{8}$')
"""
# Its comment says when.
_RESTORED_BEFORE: LiteralString = r"""
    SELECT nspname, restored_at
    FROM pg_namespace, CAST(substring(obj_description(oid, 'pg_namespace') FROM 'at (.*)$')
        AS timestamptz) AS restored_at
    WHERE nspowner = 'weir_enrich'::regrole AND nspname ~ '^restored_.*_[0-9]{8}$' AND restored_at < %s
    ORDER BY nspname
"""
# Leaving ones are still in the store: the run that took them out may have died.
_OLDER: LiteralString = """
    SELECT app_id, sum(events), min(day) FROM enrich.archive_files
    WHERE state IN ('taken', 'published', 'leaving') AND day < %s GROUP BY app_id ORDER BY app_id
"""
_LEAVE_OLDER: LiteralString = """
    WITH gone AS (
        UPDATE enrich.archive_files SET state = 'leaving' WHERE state = 'published' AND day < %s
        RETURNING app_id, day, events
    )
    SELECT app_id, day, count(*), sum(events) FROM gone GROUP BY app_id, day ORDER BY app_id, day
"""
_AS_JSONB: LiteralString = """
    SELECT value::jsonb::text FROM unnest(%s::text[]) WITH ORDINALITY AS one (value, place) ORDER BY place
"""


async def take_next_turn(connection: psycopg.AsyncConnection[Any]) -> None:
    """Waits until no process changes the archive; none does until the connection's transaction ends. Raises
    Unavailable if it takes too long."""
    await connection.execute(_LONG_WAIT)
    try:
        await connection.execute(_NEXT_TURN)
    except psycopg.errors.LockNotAvailable:
        raise Unavailable("the archive is being changed", retry_after_seconds=5.0) from None


class PostgresArchive:
    """Implements `archiver.Journal`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Whether this process alone may change the archive, until the block is left: the lock is that of an
        open transaction, which holds back no VACUUM, and goes with the process."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_TURN)
            row = await cursor.fetchone()
            yield bool(row and row[0])

    @asynccontextmanager
    async def next_turn(self) -> AsyncIterator[None]:
        """Waits until no process changes the archive; none does until the block is left. Raises Unavailable
        if it takes too long."""
        async with self._transaction() as connection:
            await take_next_turn(connection)
            yield

    async def is_free(self) -> bool:
        """Whether no process has the turn, or waits for it."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_IS_FREE)
            row = await cursor.fetchone()
            return bool(row and row[0])

    async def forget_unfinished(self, file_id: uuid.UUID | None = None) -> None:
        """A file that is being made becomes none; without an id, all that were being made when their writers
        died. A writer that lives finds it gone."""
        async with self._transaction() as connection:
            await connection.execute(
                "DELETE FROM enrich.archive_files WHERE state = 'writing'"
                " AND (%(id)s::uuid IS NULL OR file_id = %(id)s)",
                {"id": file_id},
            )

    async def units(self, limits: Sequence[Limit], span: Span, apps: Sequence[str]) -> list[Unit]:
        """What of these apps is past a limit and may go."""
        units = []
        for limit in limits:
            async with self._transaction() as connection:
                parameters = {**parameters_of(limit, span), "apps": list(apps)}
                cursor = await connection.execute(_UNITS, parameters)
                found = await cursor.fetchall()
            units += [Unit(app_id, day, leaf, limit) for app_id, day, leaf in found]
        return units

    async def begin(self, app_id: str, day: date) -> uuid.UUID:
        """The id of a new file, which is being made from now on."""
        file_id = uuid.UUID(bytes=new_uuid7())
        async with self._transaction() as connection:
            await connection.execute(_BEGIN, [file_id, app_id, day])
        return file_id

    async def rows(self, unit: Unit, span: Span) -> AsyncIterator[Sequence[Row]]:
        """The events of a unit in the order of files, some thousand at a time, from one snapshot. None if its
        leaf is gone."""
        statement = sql.SQL(f"SELECT {VALUES_SQL} FROM {{}} WHERE {_OF_UNIT} {_IN_ORDER}")
        async with self._transaction() as connection, connection.cursor(name="archive") as cursor:
            try:
                await cursor.execute(statement.format(_leaf(unit)), _of_unit(unit, span))
            except psycopg.errors.UndefinedTable:
                return
            while rows := await cursor.fetchmany(ROWS_AT_A_TIME):
                yield rows

    async def take(self, unit: Unit, span: Span, file_id: uuid.UUID, facts: Facts) -> bool:
        """Deletes the events of a unit, and makes the file that has them a part of the archive: both or none.
        False, and nothing is changed, if they are not exactly those of the file (one came late, was erased
        or changed meanwhile), or if the file was given up."""
        statement = sql.SQL(
            f"WITH gone AS (DELETE FROM {{}} WHERE {_OF_UNIT} RETURNING *)"
            f" SELECT count(*), {DIGEST_SQL} FROM gone"
        )
        async with self._engine.connect() as outer, outer.begin() as transaction:
            connection = await driver_connection(outer)
            await outer.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            try:
                cursor = await connection.execute(
                    statement.format(_leaf(unit)), _of_unit(unit, span)
                )
                gone = await cursor.fetchone()
                if gone == (facts.contents.events, facts.contents.digest):
                    cursor = await connection.execute(_TAKE, _facts(file_id, facts))
                    if cursor.rowcount == 1:
                        return True
            except psycopg.errors.UndefinedTable:
                pass
            await transaction.rollback()
            return False

    async def unseen(self, app_id: str, request_id: uuid.UUID) -> list[ArchivedFile]:
        """The files of an app that this request has not looked at."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_UNSEEN, [app_id, request_id])
            return [_file(*row) for row in await cursor.fetchall()]

    async def saw(self, request_id: uuid.UUID, file_id: uuid.UUID, rows: ErasedRows) -> None:
        """A file stays as it is."""
        async with self._transaction() as connection:
            await connection.execute(_SAW, _seen(request_id, file_id, rows))

    async def replace(
        self,
        request_id: uuid.UUID,
        old: ArchivedFile,
        new: tuple[uuid.UUID, Facts] | None,
        rows: ErasedRows,
    ) -> bool:
        """One file takes the place of another, and the counts are written: all or nothing. False if the old
        one is not in the archive any more, or the new one was given up."""
        async with self._engine.connect() as outer, outer.begin() as transaction:
            connection = await driver_connection(outer)
            changed = [await connection.execute(_LEAVE, [old.file_id])]
            await connection.execute(_SAW, _seen(request_id, old.file_id, rows))
            if new:
                changed.append(await connection.execute(_TAKE, _facts(*new)))
                await connection.execute(_SAW, _seen(request_id, new[0], ErasedRows()))
            if all(cursor.rowcount == 1 for cursor in changed):
                return True
            await transaction.rollback()
            return False

    async def erased(self, request_id: uuid.UUID) -> ErasedRows | None:
        """What the request has done so far in all files; None if it has looked at none."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_ERASED, [request_id])
            [row] = await cursor.fetchall()
            return None if row[0] is None else ErasedRows(*map(int, row))

    async def as_jsonb(self, texts: Sequence[str]) -> list[str]:
        """JSON texts as Postgres writes them."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_AS_JSONB, [list(texts)])
            return [text for (text,) in await cursor.fetchall()]

    async def has_files(self, app_id: str) -> bool:
        """Whether there is any file with events of an app, also one that is being made, or was when its
        writer died."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_HAS_FILES, [app_id])
            row = await cursor.fetchone()
            return bool(row and row[0])

    async def older(self, before: datetime) -> list[tuple[str, int, datetime]]:
        """Of each app with files of days before this one: how many events they have, and the first day."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_OLDER, [before.date()])
            return [
                (app_id, int(events), datetime.combine(day, time(), UTC))
                for app_id, events, day in await cursor.fetchall()
            ]

    async def restored_before(self, moment: datetime) -> list[tuple[str, datetime]]:
        """The schemas of days that were restored before this moment, and when each was."""
        async with self._transaction() as connection:
            return await (await connection.execute(_RESTORED_BEFORE, [moment])).fetchall()

    async def leave(self, before: date) -> list[tuple[str, date, int, int]]:
        """Takes the files of the days before this one out of the archive: files and events of each day."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_LEAVE_OLDER, [before])
            return [(*day, files, int(events)) for *day, files, events in await cursor.fetchall()]

    async def published(self) -> list[ArchivedFile]:
        """All files that readers are to find."""
        async with self._transaction() as connection:
            cursor = await connection.execute(f"{_FILES} WHERE state = 'published'")
            return [_file(*row) for row in await cursor.fetchall()]

    async def drop_restored_before(self, moment: datetime) -> int:
        """Drops the schemas of days that were restored before this moment; how many."""
        return await self._drop(_RESTORED_BEFORE, moment)

    async def drop_restored(self, app_id: str) -> None:
        """Drops the schemas with restored days of an app."""
        await self._drop(_RESTORED, app_id)

    async def _drop(self, found: LiteralString, parameter: object) -> int:
        async with self._transaction() as connection:
            cursor = await connection.execute(found, [parameter])
            schemas = [schema for schema, *_ in await cursor.fetchall()]
            for schema in schemas:
                statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE")
                await connection.execute(statement.format(sql.Identifier(schema)))
            return len(schemas)

    async def unfinished_days(self) -> list[tuple[str, date]]:
        """The days of apps that are not yet in the store as the journal has them."""
        async with self._transaction() as connection:
            cursor = await connection.execute(_UNFINISHED_DAYS)
            return [(app_id, day) for app_id, day in await cursor.fetchall()]

    @asynccontextmanager
    async def finishing(self, app_id: str, day: date) -> AsyncIterator[list[ArchivedFile]]:
        """The files of a day, which no other process changes meanwhile. When the block is left without an
        error, the store has them: taken ones are published, leaving ones are forgotten."""
        of_day = "app_id = %s AND day = %s"
        async with self._transaction() as connection:
            cursor = await connection.execute(f"{_FILES} WHERE {of_day} FOR UPDATE", [app_id, day])
            yield [_file(*row) for row in await cursor.fetchall()]
            await connection.execute(
                f"UPDATE enrich.archive_files SET state = 'published' WHERE {of_day} AND state = 'taken'",
                [app_id, day],
            )
            await connection.execute(
                f"DELETE FROM enrich.archive_files WHERE {of_day} AND state = 'leaving'",
                [app_id, day],
            )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self._engine.connect() as outer, outer.begin():
            await outer.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            yield await driver_connection(outer)


def _leaf(unit: Unit) -> sql.Composable:
    return sql.Identifier("enrich", unit.leaf)


def _of_unit(unit: Unit, span: Span) -> dict[str, object]:
    start = datetime.combine(unit.day, time(), UTC)
    return {
        **parameters_of(unit.limit, span),
        "unit_app": unit.app_id,
        "start": start,
        "end": start + timedelta(days=1),
    }


def _seen(request_id: uuid.UUID, file_id: uuid.UUID, rows: ErasedRows) -> list[object]:
    return [request_id, file_id, rows.erased, rows.anonymized, rows.withheld]


def _facts(file_id: uuid.UUID, facts: Facts) -> dict[str, object]:
    contents = facts.contents
    return {
        "file_id": file_id,
        "events": contents.events,
        "digest": contents.digest,
        "names": Jsonb(dict(contents.names)),
        "first_at": contents.first_at,
        "last_at": contents.last_at,
        "size_bytes": facts.size_bytes,
        "sha256": facts.sha256,
    }


def _file(
    file_id: uuid.UUID,
    app_id: str,
    day: date,
    state: str,
    archived_at: datetime | None,
    events: int | None,
    digest: Any,
    names: Any,
    first_at: Any,
    last_at: Any,
    size_bytes: Any,
    sha256: Any,
) -> ArchivedFile:
    facts = None
    if events is not None:
        contents = Contents(events, int(digest), names, first_at, last_at)
        facts = Facts(size_bytes, sha256, contents)
    return ArchivedFile(file_id, app_id, day, FileState(state), archived_at, facts)

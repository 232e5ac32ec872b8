"""Reads what enrich holds about one person: events, also those in the archive, sessions, and what Redis knows
of sessions under way."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import moment_of
from libs.common.errors import Unavailable
from libs.common.sharding import shard_of
from libs.common.subject_data import Export, HeldRows, SubjectRef
from libs.events.postgres import snapshot_connection
from libs.events.subject_rows import EVENTS, RECENT_SESSIONS, SESSIONS, of_person
from libs.stores.json_rows import json_rows
from services.enrich.archive.exporting import ArchivedSession, FileRef
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.archive.rows import ArchivedRows
from services.enrich.model import Session
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings

_FILES = text(
    """
    SELECT file_id, day, sha256 FROM enrich.archive_files
    WHERE app_id = :app_id AND state IN ('taken', 'published') ORDER BY day, file_id
    """
)


class SubjectRows:
    """The rows about a person, of one snapshot of Postgres, and of the archive as that snapshot has it: one
    transaction moves a day there, so each event is in one of both.

    A reading fails if a file is replaced meanwhile, because another person is erased. The next one for the
    same person has the archive's turn, so that nothing changes it: one at a time; erasures wait for its end.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sessions: RedisSessionStore,
        settings: EnrichSettings,
        archive: ArchivedRows,
    ) -> None:
        self._engine = engine
        self._archive = archive
        self._journal = PostgresArchive(engine)
        self._failed: set[SubjectRef] = set()
        self._undisturbed = asyncio.Lock()
        self._sessions = sessions
        self._shards = settings.shards
        # A hash of sessions lives for two idle times after the last event that it took in.
        self._remembered = 3 * timedelta(seconds=settings.session_idle_seconds)

    async def read(self, export: Export) -> AsyncIterator[HeldRows]:
        """See `libs.common.subject_data`. Raises what Postgres and Redis raise, and Unavailable if the
        archive cannot be read, or a file of it was replaced meanwhile."""
        async with AsyncExitStack() as stack:
            if export.subject in self._failed:
                # A waiting reader needs no connection.
                await stack.enter_async_context(self._undisturbed)
                await stack.enter_async_context(self._journal.next_turn())
            rows = await stack.enter_async_context(aclosing(self._read(export)))
            try:
                async for held in rows:
                    yield held
            except Unavailable:
                self._failed.add(export.subject)
                raise
            self._failed.discard(export.subject)

    async def _read(self, export: Export) -> AsyncGenerator[HeldRows]:
        subject = export.subject
        recent: list[str] = []
        archived: list[ArchivedSession] = []
        # Most of the archive is read before the snapshot, which should not be kept for long.
        async with self._engine.connect() as connection:
            files = await _files_of(connection, subject.app_id)
        async with aclosing(self._archive.read(export, files, archived)) as rows:
            async for held in rows:
                yield held
        async with snapshot_connection(self._engine) as connection:
            now = await _files_of(connection, subject.app_id)
            if not set(files) <= set(now):
                raise Unavailable("a file of the archive was replaced", retry_after_seconds=1.0)
            since = [file for file in now if file not in set(files)]
            async with aclosing(self._archive.read(export, since, archived)) as rows:
                async for held in rows:
                    yield held
            parameters = {**of_person(export), **_columns(archived)}
            for kind, query in (("events", EVENTS), ("sessions", SESSIONS)):
                async for lines in json_rows(connection, query, parameters):
                    yield HeldRows("enrich.events", kind, lines)
            remembered = {"since": export.received_before - self._remembered}
            async for lines in json_rows(connection, RECENT_SESSIONS, {**parameters, **remembered}):
                recent += (orjson.loads(line)["session_id"] for line in lines)
        shards = {shard_of(subject.app_id, each, self._shards) for each in subject.ids}
        known = await self._sessions.known(subject.app_id, sorted(shards), recent)
        if known:
            yield HeldRows(
                "enrich.sessions",
                "open_sessions",
                list(map(_line, *zip(*known.items(), strict=True))),
            )


async def _files_of(connection: AsyncConnection, app_id: str) -> list[FileRef]:
    found = await connection.execute(_FILES, {"app_id": app_id})
    return [FileRef(*row) for row in found]


def _columns(sessions: Sequence[ArchivedSession]) -> Mapping[str, object]:
    return {
        "session_ids": [each.session_id for each in sessions],
        "starts": [each.started_at for each in sessions],
        "firsts": [each.first_at for each in sessions],
        "lasts": [each.last_at for each in sessions],
        "counts": [each.events for each in sessions],
    }


def _line(session_id: str, session: Session) -> bytes:
    return orjson.dumps(
        {
            "session_id": session_id,
            "started_at": moment_of(session.started_at_us),
            "landing_page": session.landing_page,
            "referrer": session.referrer,
        }
    )

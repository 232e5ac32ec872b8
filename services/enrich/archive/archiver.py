"""Writes events to files of the archive, exactly once, however often it is killed."""

import hashlib
import tempfile
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Protocol

from libs.events.digest import Row
from libs.objects import ObjectStore
from services.enrich.archive.layout import (
    UNFINISHED,
    file_key,
    manifest,
    manifest_key,
    unfinished_key,
)
from services.enrich.archive.model import (
    ArchivedFile,
    ArchiveError,
    Contents,
    Facts,
    FileState,
    Unit,
)
from services.enrich.archive.reading import downloaded
from services.enrich.retention.limits import Limit
from services.enrich.retention.removal import Span

_PIECE_BYTES = 1024 * 1024


class Journal(Protocol):
    """See `postgres.PostgresArchive`."""

    def turn(self) -> AbstractAsyncContextManager[bool]: ...
    async def forget_unfinished(self, file_id: uuid.UUID | None = None) -> None: ...
    async def units(
        self, limits: Sequence[Limit], span: Span, apps: Sequence[str]
    ) -> Sequence[Unit]: ...
    async def begin(self, app_id: str, day: date) -> uuid.UUID: ...
    def rows(self, unit: Unit, span: Span) -> AsyncIterator[Sequence[Row]]: ...
    async def take(self, unit: Unit, span: Span, file_id: uuid.UUID, facts: Facts) -> bool: ...
    async def unfinished_days(self) -> Sequence[tuple[str, date]]: ...
    async def leave(self, before: date) -> Sequence[tuple[str, date, int, int]]: ...
    def finishing(
        self, app_id: str, day: date
    ) -> AbstractAsyncContextManager[Sequence[ArchivedFile]]: ...


class EventFiles(Protocol):
    """See `parquet.ParquetFiles`."""

    async def write(self, rows: AsyncIterable[Sequence[Row]], file: IO[bytes]) -> None:
        """Writes a file of these events."""
        ...

    def contents(self, file: IO[bytes]) -> Contents | None:
        """What such a file contains, by reading all of it; None without events."""
        ...


@dataclass(slots=True)
class Archived:
    """What a run did: `files` with `events`; `changed` units wait for the next run, because their events
    changed while they were written."""

    files: int = 0
    events: int = 0
    changed: int = 0


class Archiver:
    """Changes the archive. Each step leaves the journal, the database and the store so that the next run goes
    on from there:

    1. the journal gets a file that is being made;
    2. the events are written to a file, which is put into the store, read back and compared;
    3. one transaction deletes the events and makes the file a part of the archive, if what it deletes is
       exactly what the file was read to have;
    4. the file gets the name under which readers look, its day a new manifest.
    """

    def __init__(self, journal: Journal, objects: ObjectStore, files: EventFiles) -> None:
        self._journal = journal
        self.objects = objects
        self._files = files

    async def archive(self, limits: Sequence[Limit], span: Span, apps: Sequence[str]) -> Archived:
        """Archives all that is past a limit. Raises ArchiveError if another process is at work."""
        async with self._journal.turn() as is_ours:
            if not is_ours:
                raise ArchiveError("another process is at work on the archive")
            await self.recover()
            done = Archived()
            for unit in await self._journal.units(limits, span, apps):
                if events := await self._archive(unit, span):
                    done.files += 1
                    done.events += events
                else:
                    done.changed += 1
            return done

    async def expire(self, before: date) -> Archived:
        """Removes the files of earlier days. Raises ArchiveError if another process is at work."""
        async with self._journal.turn() as is_ours:
            if not is_ours:
                raise ArchiveError("another process is at work on the archive")
            await self.recover()
            done = Archived()
            for app_id, day, files, events in await self._journal.leave(before):
                done.files += files
                done.events += events
                await self.finish(app_id, day)
            return done

    async def recover(self) -> None:
        """Finishes what a run before this one began, or undoes it."""
        # Listed before the journal forgets: a process that has lost its turn without knowing can add a file
        # to the archive only while the journal has it.
        left = [info.key async for info in self.objects.list(UNFINISHED)]
        await self._journal.forget_unfinished()
        for app_id, day in await self._journal.unfinished_days():
            await self.finish(app_id, day)
        # Whatever is half written belongs to a process that died: this one is alone at work.
        await self.objects.remove_unfinished(datetime.now(UTC))
        await self.objects.delete(left)

    async def _archive(self, unit: Unit, span: Span) -> int:
        """The number of events, 0 if they changed meanwhile."""
        file_id = await self._journal.begin(unit.app_id, unit.day)
        facts = await self.put(file_id, self._journal.rows(unit, span))
        if facts is None or not await self._journal.take(unit, span, file_id, facts):
            await self.give_up(file_id)
            return 0
        await self.finish(unit.app_id, unit.day)
        return facts.contents.events

    async def put(self, file_id: uuid.UUID, rows: AsyncIterable[Sequence[Row]]) -> Facts | None:
        """Writes a file of these events to the store, and reads it back; None without events. Raises
        ArchiveError if the store has something else than was written."""
        key = unfinished_key(file_id)
        # Without a name, so that nothing is left of it if this process dies.
        with tempfile.TemporaryFile() as written:
            await self._files.write(rows, written)
            written.seek(0)
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
            written.seek(0)
            await self.objects.put(key, _pieces(written))
            size_bytes = written.tell()
        async with downloaded(self.objects, key, sha256) as found:
            contents = self._files.contents(found)
        return None if contents is None else Facts(size_bytes, sha256, contents)

    async def give_up(self, file_id: uuid.UUID) -> None:
        """Forgets a file that is being made."""
        await self._journal.forget_unfinished(file_id)
        await self.objects.delete([unfinished_key(file_id)])

    async def finish(self, app_id: str, day: date) -> None:
        """Makes the store have the day as the journal has it."""
        async with self._journal.finishing(app_id, day) as files:
            kept = [file for file in files if file.state in (FileState.TAKEN, FileState.PUBLISHED)]
            for file in kept:
                if file.state is FileState.TAKEN:
                    await self.objects.move(unfinished_key(file.file_id), file_key(file))
            # First what readers are to find, then what they find no more.
            if kept:
                content = manifest(app_id, day, kept)
                await self.objects.put(manifest_key(app_id, day), content)
            else:
                await self.objects.delete([manifest_key(app_id, day)])
            leaving = [file for file in files if file.state is FileState.LEAVING]
            await self.objects.delete([file_key(file) for file in leaving])


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece

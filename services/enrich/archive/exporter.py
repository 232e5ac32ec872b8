"""Reads a person's events in files of the archive, one file after the other, and writes them as frames."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import IO, Protocol

from libs.events.digest import Row
from libs.objects import ObjectStore
from libs.objects.port import ObjectMissing
from services.enrich.archive.exporting import FileRef, PersonFiles, Sessions, event_line
from services.enrich.archive.frames import EVENTS, SESSIONS, write_lines
from services.enrich.archive.layout import day_key, file_name, unfinished_key
from services.enrich.archive.model import ArchiveError
from services.enrich.archive.reading import downloaded


class PersonRows(Protocol):
    """See `parquet.ParquetFiles`."""

    def of_person(self, file: IO[bytes], who: PersonFiles) -> Iterator[Sequence[Row]]:
        """The events of a file that are the person's."""
        ...


class Exporter:
    """Changes nothing. Memory is bounded by a group of rows, and by the number of the person's sessions."""

    def __init__(self, objects: ObjectStore, files: PersonRows, output: IO[bytes]) -> None:
        self._objects = objects
        self._files = files
        self._output = output

    async def export(self, who: PersonFiles) -> None:
        """Writes the person's events, and then their sessions. Raises ArchiveError if a file is not there any
        more, because an erasure replaced it or it expired, or has other bytes than were archived."""
        sessions = Sessions()
        for file in who.files:
            async with AsyncExitStack() as stack:
                content = await self._open(stack, who.export.subject.app_id, file)
                for rows in self._files.of_person(content, who):
                    sessions.add(rows)
                    write_lines(self._output, EVENTS, list(map(event_line, rows)))
        write_lines(self._output, SESSIONS, sessions.lines())

    async def _open(self, stack: AsyncExitStack, app_id: str, file: FileRef) -> IO[bytes]:
        published = f"{day_key(app_id, file.day)}/{file_name(file.file_id)}"
        # One whose events have just become the archive's gets its name a moment later, or with the next run.
        for key in (published, unfinished_key(file.file_id), published):
            try:
                return await stack.enter_async_context(downloaded(self._objects, key, file.sha256))
            except ObjectMissing:
                continue
        raise ArchiveError("a file was replaced while it was to be read")

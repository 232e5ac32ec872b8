"""A person's rows in the archive, for an export, as the service asks the archive's process for them."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from libs.common.errors import Unavailable
from libs.common.subject_data import Export, HeldRows
from libs.jobs.job import JobError
from services.enrich.archive.exporting import ArchivedSession, FileRef, PersonFiles, session_of
from services.enrich.archive.frames import EVENTS
from services.enrich.archive.people import STORE
from services.enrich.archive.request import export_line

# Sends a line, and gives frames of what is found: kinds and contents. Raises JobError.
Stream = Callable[[bytes], AsyncGenerator[tuple[bytes, bytes]]]


class ArchivedRows:
    """Without a file, no process is started."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(
        self, export: Export, files: Sequence[FileRef], sessions: list[ArchivedSession]
    ) -> AsyncGenerator[HeldRows]:
        """The person's events in these files; what they say of sessions is added to `sessions`. Raises
        Unavailable if the archive does not answer, or a file is gone: all has to be read again then."""
        if not files:
            return
        try:
            async with aclosing(self._stream(export_line(PersonFiles(export, files)))) as frames:
                async for kind, content in frames:
                    lines = content.split(b"\n")
                    if kind == EVENTS:
                        yield HeldRows(STORE, "events", lines)
                    else:
                        sessions += map(session_of, lines)
        except JobError as error:
            raise Unavailable(f"the archive: {error}", retry_after_seconds=5.0) from None

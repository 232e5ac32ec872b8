"""Erases a person from the archive: the files that name the person are written again without."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Protocol
from uuid import UUID

from libs.events.digest import Row, Value
from services.enrich.archive.archiver import Archiver, Journal
from services.enrich.archive.erasing import JSON_PLACES, Erased, ErasedRows
from services.enrich.archive.layout import file_key
from services.enrich.archive.model import ArchivedFile, ArchiveError, Facts, Tally
from services.enrich.archive.reading import downloaded


class ErasureJournal(Journal, Protocol):
    """See `postgres.PostgresArchive`."""

    async def unseen(self, app_id: str, request_id: UUID) -> Sequence[ArchivedFile]:
        """The files of an app that this request has not looked at."""
        ...

    async def saw(self, request_id: UUID, file_id: UUID, rows: ErasedRows) -> None:
        """A file stays as it is."""
        ...

    async def replace(
        self,
        request_id: UUID,
        old: ArchivedFile,
        new: tuple[UUID, Facts] | None,
        rows: ErasedRows,
    ) -> bool:
        """One file takes the place of another, and the counts are written: all or nothing. False if the old
        one is not in the archive any more, or the new one was given up."""
        ...

    async def as_jsonb(self, texts: Sequence[str]) -> Sequence[str]:
        """JSON texts as Postgres writes them."""
        ...

    async def erased(self, request_id: UUID) -> ErasedRows | None:
        """What the request has done so far in all files; None if it has looked at none."""
        ...


class SearchedFiles(Protocol):
    """See `parquet.ParquetFiles`."""

    def names(self, file: IO[bytes], who: Erased) -> bool:
        """Whether a file may have an event of the person, or one that names the person."""
        ...

    def rows(self, file: IO[bytes]) -> Iterator[Sequence[Row]]:
        """The events of a file."""
        ...


@dataclass(frozen=True, slots=True)
class ArchiveErasure:
    """How far an erasure has come: what all of it has done so far."""

    done: bool
    erased: int
    anonymized: int
    withheld: int


class Eraser:
    """A call works for some seconds and says whether all is done. It may be killed anywhere: a file is
    replaced in one transaction with the counts."""

    def __init__(self, journal: ErasureJournal, archiver: Archiver, files: SearchedFiles) -> None:
        self._journal = journal
        self._archiver = archiver
        self._files = files

    async def erase(self, who: Erased, seconds: float) -> ArchiveErasure:
        """Looks at files until all are done or the time is up. Not done if another process changes the
        archive."""
        request_id = who.erasure.request_id
        until = time.monotonic() + seconds
        done = False
        async with self._journal.turn() as is_ours:
            if is_ours:
                await self._archiver.recover()
                unseen = await self._journal.unseen(who.erasure.subject.app_id, request_id)
                for number, file in enumerate(unseen):
                    # At least one, however slow.
                    if number and time.monotonic() > until:
                        break
                    await self._erase(who, file)
                else:
                    done = True
        rows = await self._journal.erased(request_id) or ErasedRows()
        return ArchiveErasure(done, rows.erased, rows.anonymized, rows.withheld)

    async def _write_as_postgres(self, changed: Sequence[list[Value]]) -> None:
        """So that a file's digest is that of its rows in a database."""
        places = [
            (row, place) for row in changed for place in JSON_PLACES if row[place] is not None
        ]
        texts = await self._journal.as_jsonb([str(row[place]) for row, place in places])
        for (row, place), text in zip(places, texts, strict=True):
            row[place] = text

    async def _erase(self, who: Erased, file: ArchivedFile) -> None:
        request_id, rows = who.erasure.request_id, ErasedRows()
        assert file.facts is not None
        key = file_key(file)
        async with downloaded(self._archiver.objects, key, file.facts.sha256) as old:
            if not self._files.names(old, who):
                await self._journal.saw(request_id, file.file_id, rows)
                return
            old.seek(0)
            expected = Tally()

            async def kept() -> AsyncIterator[Sequence[Row]]:
                for some in self._files.rows(old):
                    left = rows.without(who, some)
                    await self._write_as_postgres([row for row in left if isinstance(row, list)])
                    expected.add(left)
                    if left:
                        yield left

            file_id = await self._journal.begin(file.app_id, file.day)
            facts = await self._archiver.put(file_id, kept())
        if (facts.contents if facts else None) != expected.contents():
            raise ArchiveError("a file without the person has other events than it should")
        if not (rows.erased or rows.anonymized):
            await self._journal.saw(request_id, file.file_id, rows)
            await self._archiver.give_up(file_id)
            return
        new = (file_id, facts) if facts else None
        if not new:
            await self._archiver.give_up(file_id)
        if not await self._journal.replace(request_id, file, new, rows):
            raise ArchiveError("the archive was changed by another process")
        await self._archiver.finish(file.app_id, file.day)

"""Files of the archive in Parquet."""

from collections.abc import AsyncIterable, Iterator, Sequence
from typing import IO
from uuid import UUID

from libs.events.digest import Row
from libs.events.parquet import EventFile, may_name, read_groups, read_of_person
from services.enrich.archive.erasing import Erased
from services.enrich.archive.exporting import PersonFiles
from services.enrich.archive.model import Contents, Tally


class ParquetFiles:
    """Implements `archiver.EventFiles`."""

    async def write(self, rows: AsyncIterable[Sequence[Row]], file: IO[bytes]) -> None:
        """See the port."""
        with EventFile(file) as events:
            async for some in rows:
                events.write(some)

    def rows(self, file: IO[bytes]) -> Iterator[Sequence[Row]]:
        """See the port."""
        return read_groups(file)

    def names(self, file: IO[bytes], who: Erased) -> bool:
        """See the port."""
        subject = who.erasure.subject
        people = list(map(UUID, subject.persons))
        others = who.in_json if who.looks_at_others else None
        return may_name(file, people, subject.subject_id, others)

    def of_person(self, file: IO[bytes], who: PersonFiles) -> Iterator[Sequence[Row]]:
        """See `exporter.PersonRows`."""
        export = who.export
        people = list(map(UUID, export.subject.persons))
        return read_of_person(file, people, export.subject.subject_id, who.before_us, export.names)

    def contents(self, file: IO[bytes]) -> Contents | None:
        """See the port."""
        tally = Tally()
        for rows in read_groups(file):
            tally.add(rows)
        return tally.contents()

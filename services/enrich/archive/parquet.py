"""Files of the archive in Parquet."""

from collections.abc import AsyncIterable, Iterator, Sequence
from typing import IO

from libs.events.digest import Row
from libs.events.parquet import EventFile, may_have_events, read_groups, read_of_person
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
        return may_have_events(file, who.erasure.subject, of_others=who.looks_at_others)

    def of_person(self, file: IO[bytes], who: PersonFiles) -> Iterator[Sequence[Row]]:
        """See `exporter.PersonRows`."""
        export = who.export
        return read_of_person(file, export.subject, who.before_us, export.names)

    def contents(self, file: IO[bytes]) -> Contents | None:
        """See the port."""
        tally = Tally()
        for rows in read_groups(file):
            tally.add(rows)
        return tally.contents()

"""Files of the archive in Parquet."""

from collections.abc import AsyncIterable, Sequence
from typing import IO

from libs.events.digest import Row
from libs.events.parquet import EventFile, read_groups
from services.enrich.archive.model import Contents, Tally


class ParquetFiles:
    """Implements `archiver.EventFiles`."""

    async def write(self, rows: AsyncIterable[Sequence[Row]], file: IO[bytes]) -> None:
        """See the port."""
        with EventFile(file) as events:
            async for some in rows:
                events.write(some)

    def contents(self, file: IO[bytes]) -> Contents | None:
        """See the port."""
        tally = Tally()
        for rows in read_groups(file):
            tally.add(rows)
        return tally.contents()

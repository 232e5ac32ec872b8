"""The rows of an export, by kind, in temporary files: memory stays bounded, whatever a person has done.

The files have no name, so that they are gone with the process, however it ends. They are made where `TMPDIR`
says, and need as much room as the rows.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Self

from libs.common.subject_data import HeldRows
from services.privacy.exports.csv_lines import members_of

_is_kind = re.compile(r"[a-z][a-z_]{0,63}").fullmatch
_WRITTEN_AT_ONCE = 1 << 20


class Spool:
    """The rows of one kind. `columns` are the names of all their members, in the order in which they came."""

    def __init__(self, kind: str) -> None:
        if not _is_kind(kind):
            raise ValueError("not the name of a kind of rows")
        self.kind = kind
        self.stores: dict[str, None] = {}
        self.columns: dict[str, None] = {}
        self.rows = 0
        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=_WRITTEN_AT_ONCE)  # noqa: SIM115

    def add(self, store: str, lines: Sequence[bytes]) -> None:
        """Appends rows; reads each. Raises ValueError for what is no JSON object, and OSError."""
        self.stores[store] = None
        for line in lines:
            self.columns |= dict.fromkeys(members_of(line.decode()))
        self._file.writelines(line + b"\n" for line in lines)
        self.rows += len(lines)

    def lines(self) -> Iterator[bytes]:
        """The rows from the beginning, each with its line break."""
        self._file.seek(0)
        yield from self._file

    def close(self) -> None:
        """Gives the room back."""
        self._file.close()


class Spools:
    """One spool for each kind that there are rows of; closes them all at the end."""

    def __init__(self) -> None:
        self._spools: dict[str, Spool] = {}

    def add(self, held: HeldRows) -> None:
        """Appends rows to the spool of their kind; one without rows is made as well."""
        spool = self._spools.get(held.kind)
        if spool is None:
            spool = self._spools[held.kind] = Spool(held.kind)
        spool.add(held.store, held.lines)

    def __iter__(self) -> Iterator[Spool]:
        return iter(sorted(self._spools.values(), key=lambda spool: spool.kind))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self._spools.values():
            spool.close()

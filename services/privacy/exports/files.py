"""The files of exports: how long they are kept, and what ends them. Pure.

A file has a row before it is written, so that none is forgotten. One that is unwanted, because the person is
erased, is removed; while it is being written, its writer does that, and the erasure waits for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.common.expiry import OverdueData

STORE = "privacy.exports"


@dataclass(frozen=True, slots=True)
class StoredExport:
    """An export as it is stored: its size, the SHA-256 of the file, and how many rows of each kind it has."""

    bytes: int
    sha256: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """The file of one request, by the key of its object. `person` is a pseudonym; `stored` is None until the
    file is written, and after it is removed."""

    request_id: UUID
    person: str
    key: str
    stored: StoredExport | None
    expires_at: datetime | None
    is_unwanted: bool
    is_removed: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """Of a person's files: how many were removed, and how many are still being written."""

    removed: int
    left: int


class ExportFiles(Protocol):
    """See `postgres.PostgresExportFiles`."""

    async def begin(self, app_id: str, request_id: UUID, person: str, key: str) -> ExportFile:
        """The file of a request: the one that it has, else a new one of this key."""
        ...

    async def find(self, app_id: str, request_id: UUID) -> ExportFile | None:
        """The file of a request, None if it has none."""
        ...

    async def finish(self, request_id: UUID, stored: StoredExport, expires_at: datetime) -> bool:
        """Says that the file is stored; False if it is unwanted."""
        ...

    async def mark_unwanted(self, erasure_id: UUID, app_id: str, persons: Sequence[str]) -> None:
        """Says that of the files that there are none about the person is wanted, because of an erasure."""
        ...

    async def removable(self, now: datetime) -> Sequence[ExportFile]:
        """Stored files that are unwanted or have expired, and those whose request ended before they were
        stored; some of them."""
        ...

    async def removed(self, request_id: UUID) -> None:
        """Says that the file is gone."""
        ...

    async def unwanted_of(self, erasure_id: UUID, app_id: str, persons: Sequence[str]) -> Removal:
        """How many of the files that an erasure does not want are gone, and how many of the person are
        left that any erasure does not want."""
        ...

    async def overdue(self, now: datetime) -> Sequence[OverdueData]:
        """Files that have expired and are still there, by app."""
        ...

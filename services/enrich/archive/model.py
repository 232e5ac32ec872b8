"""What the archive consists of."""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from libs.common.clock import moment_of
from libs.events.columns import COLUMNS
from libs.events.digest import Row, row_digest
from services.enrich.retention.limits import Limit

_POSITIONS = {column.name: position for position, column in enumerate(COLUMNS)}


class ArchiveError(Exception):
    """The archive cannot go on; the message says nothing about people."""


class FileState(Enum):
    """How far a file is. Until it is TAKEN its events are in the database, from then on in the archive."""

    # Being made. Worth nothing if its writer is gone.
    WRITING = "writing"
    # Complete, compared, and its events are gone from the database; not yet where readers look.
    TAKEN = "taken"
    # Where readers look, and in the manifest of its day.
    PUBLISHED = "published"
    # Replaced or past its limit: not in the manifest any more, to be deleted.
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Unit:
    """Events of one app and one day (UTC) in one leaf that are past a limit: what becomes one file."""

    app_id: str
    day: date
    leaf: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a file: how many events, of which names, when the first and the last occurred, and their
    digest (`libs.events.digest`)."""

    events: int
    digest: int
    names: Mapping[str, int]
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file is: its bytes as they were read back from the store, and what they say."""

    size_bytes: int
    sha256: str
    contents: Contents


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of the journal. `facts` is None while it is being made."""

    file_id: uuid.UUID
    app_id: str
    day: date
    state: FileState
    archived_at: datetime | None = None
    facts: Facts | None = None


@dataclass(slots=True)
class Tally:
    """Adds up what rows contain."""

    events: int = 0
    digest: int = 0
    names: Counter[str] = field(default_factory=Counter)
    first_us: int = 2**63
    last_us: int = -(2**63)

    def add(self, rows: Iterable[Row]) -> None:
        """Counts some more rows."""
        name, occurred_at = _POSITIONS["name"], _POSITIONS["occurred_at"]
        for row in rows:
            self.events += 1
            self.digest += row_digest(row)
            self.names[str(row[name])] += 1
            moment = row[occurred_at]
            assert isinstance(moment, int)
            self.first_us, self.last_us = min(self.first_us, moment), max(self.last_us, moment)

    def contents(self) -> Contents | None:
        """All of it; None without rows."""
        if not self.events:
            return None
        return Contents(
            self.events,
            self.digest,
            dict(sorted(self.names.items())),
            moment_of(self.first_us),
            moment_of(self.last_us),
        )

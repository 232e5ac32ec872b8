"""What the archive has of one person, for an export: their events as Postgres would write them, and their
sessions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import orjson

from libs.common.clock import moment_of, us_of
from libs.common.subject_data import Export
from libs.events.columns import COLUMNS, EventColumn
from libs.events.digest import Row, Value

_AT = {column.name: position for position, column in enumerate(COLUMNS)}
_ID, _UUID = _AT["event_id"], _AT["event_uuid"]
_SESSION, _STARTED, _OCCURRED = (
    _AT[name] for name in ("session_id", "session_started_at", "occurred_at")
)
# As in exports of stored events: a pseudonym for numbers is no part of it.
_SHOWN = [(place, column) for place, column in enumerate(COLUMNS) if column.name != "person"]


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file of the archive, of an app's day; its SHA-256 as it was archived."""

    file_id: UUID
    day: date
    sha256: str


@dataclass(frozen=True, slots=True)
class PersonFiles:
    """Whose events to look for in which files, in this order."""

    export: Export
    files: Sequence[FileRef]

    @property
    def before_us(self) -> int:
        """The moment of the export, in microseconds since 1970."""
        return us_of(self.export.received_before)


@dataclass(slots=True)
class ArchivedSession:
    """What archived events say of a session: `started_at` by enrich, if it said so; the times of the first
    and the last event, and how many there are."""

    session_id: str
    started_at: datetime | None
    first_at: datetime
    last_at: datetime
    events: int


class Sessions:
    """Adds up the sessions of rows. Memory grows with their number, and not with that of events."""

    def __init__(self) -> None:
        self._found: dict[str, ArchivedSession] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Counts some more rows."""
        for row in rows:
            if (session_id := row[_SESSION]) is None:
                continue
            started, at = _moment(row[_STARTED]), _moment(row[_OCCURRED])
            assert at is not None
            key = str(session_id)
            known = self._found.get(key)
            if known is None:
                self._found[key] = ArchivedSession(key, started, at, at, 1)
                continue
            starts = [each for each in (known.started_at, started) if each is not None]
            known.started_at = min(starts, default=None)
            known.first_at, known.last_at = min(known.first_at, at), max(known.last_at, at)
            known.events += 1

    def lines(self) -> list[bytes]:
        """All of them, as `session_of` reads them."""
        return [
            orjson.dumps(
                [each.session_id, each.started_at, each.first_at, each.last_at, each.events]
            )
            for each in self._found.values()
        ]


def session_of(line: bytes) -> ArchivedSession:
    """A session of `Sessions.lines`."""
    session_id, started_at, first_at, last_at, events = orjson.loads(line)
    return ArchivedSession(
        session_id,
        None if started_at is None else datetime.fromisoformat(started_at),
        datetime.fromisoformat(first_at),
        datetime.fromisoformat(last_at),
        events,
    )


def event_line(row: Row) -> bytes:
    """An event as a JSON object in UTF-8, byte for byte as `libs.events.subject_rows.EVENTS` has it."""
    return (
        b"{"
        + b",".join(
            b'"%s":%s' % (column.name.encode(), _json(column, row, place))
            for place, column in _SHOWN
        )
        + b"}"
    )


def _json(column: EventColumn, row: Row, place: int) -> bytes:
    value = row[_UUID] if place == _ID and row[_ID] is None else row[place]
    match value:
        case None:
            return b"null"
        case str() if column.type == "jsonb":
            return value.encode()
        case bool() | str():
            return orjson.dumps(value)
        case int():
            return b'"%s"' % _time(value).encode()
        case _:
            return orjson.dumps(str(value))


def _time(us: int) -> str:
    """As Postgres writes it: without zeros at the end of a fraction."""
    moment = moment_of(us)
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}{fraction}+00:00"


def _moment(us: Value) -> datetime | None:
    assert us is None or isinstance(us, int)
    return None if us is None else moment_of(us)

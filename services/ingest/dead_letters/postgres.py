"""Moves dead letters from the streams to Postgres."""

import uuid
from collections.abc import Mapping, Sequence

from google.protobuf.message import DecodeError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs, kept_names
from libs.common.clock import moment_of
from libs.common.expiry import OverdueData
from libs.common.pseudonym import Pseudonymizer
from libs.streams.entries import dead_letter_batch
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from services.ingest import metrics
from services.ingest.dead_letters.expiry import STORE, LetterLimits, own_days
from services.ingest.erasure.fences import fenced_apps, fences_of, is_fenced, keys_of
from services.ingest.tables import dead_letters

# Returns the ids of new ones: a rejected event that comes again has the same id.
KEEP_FIRST = insert(dead_letters).on_conflict_do_nothing().returning(dead_letters.c.dead_letter_id)

_Row = dict[str, object]

ROWS_AT_A_TIME = 5_000
# NULL is left out by `least`.
_PAST = """
    FROM ingest.dead_letters
    LEFT JOIN unnest(CAST(:apps AS text[]), CAST(:names AS text[]), CAST(:event_days AS integer[]))
        AS of_event (app_id, name, days) USING (app_id, name)
    CROSS JOIN LATERAL (
        SELECT least(CAST(:days AS integer), of_event.days, dead_letters.kept_days)
    ) AS kept (days)
    WHERE received_at < CAST(:today AS timestamptz) - kept.days * interval '24 hours'
"""
_DELETE = text(f"""
DELETE FROM ingest.dead_letters WHERE dead_letter_id = ANY(ARRAY(
    SELECT dead_letter_id {_PAST} LIMIT :limit
))
RETURNING dead_letter_id
""")
_OVERDUE = text(f"""
SELECT app_id, name, kept.days, count(*), min(received_at) {_PAST}
GROUP BY app_id, name, kept.days ORDER BY app_id, name, kept.days
""")


class PostgresExpiredLetters:
    """Implements `expiry.ExpiredLetters`, some rows in a transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def delete(self, limits: LetterLimits) -> int:
        """See the port. Raises what Postgres raises."""
        parameters = {**_parameters(limits), "limit": ROWS_AT_A_TIME}
        total = 0
        while True:
            async with self._engine.begin() as connection:
                found = (await connection.execute(_DELETE, parameters)).all()
            total += len(found)
            if len(found) < ROWS_AT_A_TIME:
                return total

    async def overdue(self, limits: LetterLimits) -> list[OverdueData]:
        """See the port. Raises what Postgres raises."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_OVERDUE, _parameters(limits))).all()
        return [OverdueData(STORE, *row) for row in rows]


def _parameters(limits: LetterLimits) -> dict[str, object]:
    return {
        "today": limits.today,
        "days": limits.days,
        "apps": [app_id for app_id, _ in limits.of_events],
        "names": [name for _, name in limits.of_events],
        "event_days": list(limits.of_events.values()),
    }


class PostgresDeadLetterWriter:
    """Moves dead letters of ingest and enrich into `ingest.dead_letters`; repeating changes nothing. Those
    about a person who was erased since are left out, but for events that a law keeps. That goes by the
    envelope alone: once a person is erased, no id is left that could be looked for in values."""

    def __init__(
        self, engine: AsyncEngine, pseudonymizer: Pseudonymizer, catalogs: Catalogs
    ) -> None:
        self._engine = engine
        self._pseudonymizer = pseudonymizer
        self._catalogs = catalogs

    async def write(self, entries: Sequence[Entry]) -> None:
        """Writes the entries' letters. Raises UnreadableError, and what Postgres raises."""
        letters = [found for entry in entries for found in self._rows(entry)]
        if not letters:
            return
        async with self._engine.begin() as connection:
            rows = await self._unfenced(connection, letters)
            written = await connection.scalars(KEEP_FIRST, rows) if rows else None
        metrics.DEAD_LETTERS.inc(len(written.all()) if written else 0)

    def _rows(self, entry: Entry) -> list[tuple[batch_pb2.DeadLetter, _Row]]:
        try:
            letters = dead_letter_batch(entry.fields).dead_letters
            return [
                (letter, {**_row(letter), "kept_days": self._days(letter)}) for letter in letters
            ]
        except (KeyError, DecodeError, ValueError, OverflowError) as error:
            raise UnreadableError(f"it holds no dead letters: {type(error).__name__}") from None

    def _days(self, letter: batch_pb2.DeadLetter) -> int | None:
        newest = self._catalogs.newest(letter.app_id)
        return own_days(letter.event, newest.catalog if newest else None)

    def _is_kept(self, row: Mapping[str, object]) -> bool:
        """Whether a law keeps such events."""
        newest = self._catalogs.newest(str(row["app_id"]))
        return newest is not None and row["name"] in newest.derived(kept_names)

    async def _unfenced(
        self, connection: AsyncConnection, letters: Sequence[tuple[batch_pb2.DeadLetter, _Row]]
    ) -> list[_Row]:
        """The rows of letters that no fence is about. In an app without fences, no one asks whose a letter
        is."""
        apps = await fenced_apps(connection, {str(row["app_id"]) for _, row in letters})
        if not apps:
            return [row for _, row in letters]
        people = [
            keys_of(self._pseudonymizer, str(row["app_id"]), letter.event)
            if row["app_id"] in apps
            else ()
            for letter, row in letters
        ]
        fences = await fences_of(connection, {key for keys in people for key in keys})
        return [
            row
            for (letter, row), keys in zip(letters, people, strict=True)
            if not is_fenced(letter.event, letter.received_at_us, keys, fences)
            or self._is_kept(row)
        ]


def _row(letter: batch_pb2.DeadLetter) -> _Row:
    event = letter.event
    return {
        "dead_letter_id": uuid.UUID(bytes=letter.dead_letter_id),
        "received_at": moment_of(letter.received_at_us),
        "app_id": stored_text(letter.app_id),
        "stage": stored_text(letter.stage),
        "reason": stored_text(letter.reason),
        "field": stored_text(letter.field),
        "message": stored_text(letter.message),
        "event_id": stored_text(event.event_id),
        "name": stored_text(event.name),
        "subject_id": stored_text(event.subject_id) or None,
        "event": event.SerializeToString(),
        "content": stored_text(letter.content),
    }


def stored_text(value: str) -> str:
    """The text with U+FFFD for U+0000, which Postgres cannot hold in a text."""
    return value.replace("\x00", "\ufffd")

"""Reading selected events from Postgres: pages of events, and pages of lines for a file."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import dict_row
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.pseudonym import Pseudonymizer
from libs.events.access import access_of
from libs.events.columns import COLUMNS
from libs.events.filtering.reach import Key, key_of, names_of, possible_names
from libs.events.lines import FileForm
from libs.events.model import StoredEvent, decode
from libs.events.selection import EventSelection, ExportedLine, LinePage, Place, SelectedPage
from libs.events.selection_sql import SETTINGS, STORED_NAMES, events_statement, lines_statement
from libs.stores.postgres import driver_connection, read_within

# Of each name at least.
_REACH_OF_NAME = 1_000
_JSON_COLUMNS = tuple(column.name for column in COLUMNS if column.type == "jsonb")
_DIALECT = dialect()  # type: ignore[no-untyped-call]
# Rows that the driver reads at once; each may be as large as an event.
_ROWS_AT_ONCE = 20


class SelectedEvents:
    """Queries, each over a connection of `engine`, which may lead to a replica.

    A page reads `reach` events along an index, whether the filter finds them or not; more if these have many
    names. No lock and no snapshot is held between pages. All raise DeadlineExceeded if one statement takes
    longer than `statement_seconds`, Unavailable if Postgres is away, FilterError for a filter that means
    nothing.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        pseudonymizer: Pseudonymizer,
        statement_seconds: float,
        reach: int = 100_000,
    ) -> None:
        self._engine = engine
        self._pseudonymizer = pseudonymizer
        self._seconds = statement_seconds
        self._reach = reach

    async def page(
        self,
        selection: EventSelection,
        *,
        limit: int,
        max_bytes: int,
        newest_first: bool = True,
        after: Place | None = None,
    ) -> SelectedPage:
        """Up to `limit` events in the order of time, whatever their names; fewer, but one at least, if their
        JSON has more than `max_bytes`, or if the filter finds few of the events that one page reads.

        The order is total and never changes, so pages that follow each other's place hold each event that was
        there all the while, once.
        """
        condition = selection.condition()
        key = key_of(selection.filter)
        parameters = _parameters(selection, after) | dict(condition.parameters)
        async with self._connection() as connection:
            names = await self._names(connection, selection) if key is None else []
            if key is None and len(names) == 1:
                key = Key("name", names[0])
            access = access_of(key, self._pseudonymizer, selection.app_id) if key else None
            if access is not None:
                parameters |= access.parameters
            elif names:
                parameters["names"] = names
            else:
                return SelectedPage([], None)
            reach = max(self._reach // max(len(names), 1), min(self._reach, _REACH_OF_NAME))
            parameters |= {"reach": reach, "limit": limit + 1}
            statement = events_statement(
                access, condition, descending=newest_first, after=after is not None
            )
            return await _read_page(connection, statement, parameters, limit, max_bytes)

    async def names(self, selection: EventSelection) -> list[str] | None:
        """The names that selected events can have, sorted; None if they are found by something else than
        their names, which lists do not divide then."""
        if key_of(selection.filter) is not None:
            return None
        async with self._connection() as connection:
            return await self._names(connection, selection)

    async def lines(
        self,
        selection: EventSelection,
        name: str | None,
        form: FileForm,
        *,
        limit: int,
        max_bytes: int,
        after: Place | None = None,
    ) -> LinePage:
        """Up to `limit` lines, oldest first, of one of the `names`, or of all events if these are None; fewer
        as `page` says."""
        condition = selection.condition()
        key = key_of(selection.filter) if name is None else Key("name", name)
        assert key is not None
        access = access_of(key, self._pseudonymizer, selection.app_id)
        parameters = _parameters(selection, after) | dict(condition.parameters)
        parameters |= {**access.parameters, **form.parameters}
        parameters |= {"reach": self._reach, "limit": limit + 1}
        statement = lines_statement(form.line, access, condition, after=after is not None)
        lines: list[ExportedLine] = []
        size = 0
        async with self._connection() as connection, connection.cursor() as cursor:
            place: Place | None = None
            read = 0
            async with aclosing(_rows(cursor, statement, parameters, binary=True)) as rows:
                async for data, *key, is_last in rows:
                    if read == limit or size > max_bytes:
                        return LinePage(lines, place)
                    read += 1
                    place = Place(*key)
                    if data is not None:
                        lines.append(ExportedLine(data, place))
                        size += len(data)
                    if is_last:
                        return LinePage(lines, place)
        return LinePage(lines, None)

    async def _names(
        self, connection: AsyncConnection[Any], selection: EventSelection
    ) -> list[str]:
        names = names_of(selection.filter)
        if names is None:
            rows = await connection.execute(driver_text(STORED_NAMES), _parameters(selection, None))
            names = frozenset(name for (name,) in await rows.fetchall())
        return possible_names(selection.filter, names)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection in a transaction with this class's limits."""
        timeout = {"timeout": str(round(self._seconds * 1_000))}
        limit = read_within(
            self._seconds,
            setting="statement_seconds",
            advice="ask for a shorter time, for fewer names, or for one subject_id or group_id",
        )
        with limit:
            async with self._engine.connect() as outer:
                connection = await driver_connection(outer)
                await connection.execute(driver_text(SETTINGS), timeout)
                yield connection


async def _read_page(
    connection: AsyncConnection[Any],
    statement: str,
    parameters: Mapping[str, object],
    limit: int,
    max_bytes: int,
) -> SelectedPage:
    found: list[StoredEvent] = []
    size = 0
    async with connection.cursor(row_factory=dict_row) as cursor:
        place: Place | None = None
        read = 0
        async with aclosing(_rows(cursor, statement, parameters)) as rows:
            async for row in rows:
                size += sum(len(row[column] or "") for column in _JSON_COLUMNS)
                if read == limit or (found and size > max_bytes):
                    return SelectedPage(found, place)
                read += 1
                place = Place(row["occurred_at"], row["event_uuid"], row["retention_class"])
                is_last = row.pop("is_last")
                if row.pop("found"):
                    found.append(decode(row | {name: _parsed(row[name]) for name in _JSON_COLUMNS}))
                if is_last:
                    return SelectedPage(found, place)
    return SelectedPage(found, None)


def _rows(
    cursor: AsyncCursor[Any],
    statement: str,
    parameters: Mapping[str, object],
    *,
    binary: bool = False,
) -> AsyncGenerator[Any]:
    """The rows while they arrive; closing it cancels the statement."""
    rows = cursor.stream(driver_text(statement), parameters, binary=binary, size=_ROWS_AT_ONCE)
    return cast(AsyncGenerator[Any], rows)


def _parameters(selection: EventSelection, after: Place | None) -> dict[str, object]:
    found: dict[str, object] = {
        "app_id": selection.app_id,
        "start": selection.start,
        "end": selection.end,
    }
    if after is not None:
        found |= {
            "after_time": after.occurred_at,
            "after_uuid": after.event_uuid,
            "after_class": after.retention_class,
        }
    return found


def _parsed(content: str | None) -> Any:
    return None if content is None else json.loads(content)


def driver_text(statement: str) -> Any:
    """A statement with `:name` as the driver takes it: `%(name)s`."""
    return str(text(statement).compile(dialect=_DIALECT))

"""Reading the stored events from Postgres. Values come in as parameters only.

Times are bounds of `occurred_at`, from `start` until before `end`: Postgres then looks only into the
partitions of that time. Give them if they are known.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.ids import event_uuid
from libs.events.columns import COLUMNS
from libs.events.model import (
    DailyCount,
    EventCursor,
    EventPage,
    RecountedEvent,
    StoredEvent,
    cursor_of,
    decode,
)
from libs.stores.postgres import driver_connection

# The first and the last moment that a timestamp of an event can name.
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
_NAMES = ", ".join(column.name for column in COLUMNS)
_OF_APP = """
    FROM enrich.events
    WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :end
"""
# Along the index (app_id, name, occurred_at), so that a page costs what it holds and no sort of all the rest.
_IN_ORDER = "ORDER BY name, occurred_at, event_uuid, retention_class LIMIT :limit"
_FIRST = f"SELECT {_NAMES} {_OF_APP} {_IN_ORDER}"
_FIRST_OF_NAME = f"SELECT {_NAMES} {_OF_APP} AND name = :name {_IN_ORDER}"
_NEXT_OF_NAME = f"""
    SELECT {_NAMES} {_OF_APP} AND occurred_at >= :after_time AND name = :after_name
    AND (occurred_at, event_uuid, retention_class)
        > (:after_time, CAST(:after_uuid AS uuid), :after_class) {_IN_ORDER}
"""
# Apart from the rest of the cursor's name: Postgres would take a comparison of all four columns for one of
# names, expect no rows, and sort all that are left.
_NEXT = f"""
    SELECT * FROM (
        ({_NEXT_OF_NAME}) UNION ALL (SELECT {_NAMES} {_OF_APP} AND name > :after_name {_IN_ORDER})
    ) AS next {_IN_ORDER}
"""
# Along the unique key. An id that is its UUID has no text.
_BY_ID = text(f"""
    SELECT {_NAMES} {_OF_APP}
    AND event_uuid = :event_uuid AND event_id IS NOT DISTINCT FROM CAST(:event_id AS text)
    ORDER BY occurred_at, retention_class
""")
_DAILY = text(f"""
    SELECT CAST(occurred_at AT TIME ZONE 'UTC' AS date) AS day, name, count(*) AS events
    {_OF_APP}
    GROUP BY day, name ORDER BY day, name
""")
_DAYS_OF_NAMES = text("""
    SELECT DISTINCT date_trunc('day', occurred_at, 'UTC') FROM enrich.events
    WHERE app_id = :app_id AND name = ANY(:names)
""")
# Before the snapshot is taken: rows move between partitions only under a lock that this one waits for.
_KEEP_ROWS_IN_PLACE = text("LOCK TABLE enrich.events IN ACCESS SHARE MODE")

_MADE_FIELDS = {
    "seconds": "extract(epoch FROM date_trunc('second', occurred_at))::bigint",
    "nanos": "(extract(microseconds FROM occurred_at)::bigint %% 1000000) * 1000",
    "event_id": "coalesce(event_id, event_uuid::text)",
}
_JSON_FIELDS = frozenset({"context", "attribution", "properties"})


def _recounted(field: str) -> str:
    if field in _MADE_FIELDS:
        return _MADE_FIELDS[field]
    return f"coalesce({field}::text, '{{}}')" if field in _JSON_FIELDS else f"coalesce({field}, '')"


_RECOUNTED = f"""
SELECT {", ".join(map(_recounted, RecountedEvent._fields))}
FROM enrich.events
WHERE app_id = %(app_id)s AND name = ANY(%(names)s::text[])
    AND occurred_at >= %(start)s::timestamptz AND occurred_at < %(end)s::timestamptz
"""
# By the primary key; the ids are UUIDv7, whose order is that of time.
_UNCOUNTED = text("""
SELECT batch_id FROM enrich.batches AS stored
WHERE (batch_id >= :first OR batch_id = ANY(CAST(:others AS uuid[])))
    AND NOT EXISTS (
        SELECT FROM aggregate.batches AS counted WHERE counted.batch_id = stored.batch_id
    )
""")
_BATCHES_FROM = text("SELECT batch_id FROM enrich.batches WHERE batch_id >= :first")


class PostgresEventReader:
    """Queries, each over a connection from `connect`. Each raises what Postgres raises.

    `PostgresEventReader(engine.connect)`: each query sees all that is committed when it begins, also while
    partitions are merged, and holds no lock after it.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[AsyncConnection]]) -> None:
        self._connect = connect

    async def page(
        self,
        app_id: str,
        start: datetime,
        end: datetime,
        *,
        limit: int,
        name: str | None = None,
        after: EventCursor | None = None,
    ) -> EventPage:
        """Up to `limit` events of an app, of one name or of all, by name, then time, then id.

        The order is total and never changes, so pages that follow each other's cursor hold each event that
        was there all the while, once. One that is stored meanwhile is missed if it belongs before the cursor.
        """
        parameters: dict[str, object] = {
            "app_id": app_id,
            "start": start,
            "end": end,
            # One more than asked for, which says whether there are any.
            "limit": limit + 1,
        }
        statement = _FIRST
        if name is not None:
            statement = _FIRST_OF_NAME
            parameters["name"] = name
        if after is not None:
            statement = _NEXT if name is None else _NEXT_OF_NAME
            parameters |= {
                "after_name": after.name,
                "after_time": after.occurred_at,
                "after_uuid": after.event_uuid,
                "after_class": after.retention_class,
            }
        rows = await self._rows(text(statement), parameters)
        events = [decode(row) for row in rows[:limit]]
        return EventPage(events, cursor_of(events[-1]) if len(rows) > limit else None)

    async def with_id(
        self, app_id: str, event_id: str, start: datetime = BEGINNING, end: datetime = END
    ) -> list[StoredEvent]:
        """The events of an app with this id, in the order of time. There is one at most, unless a producer
        has used an id for two moments or two retention classes."""
        key, is_uuid = event_uuid(event_id)
        parameters = {
            "app_id": app_id,
            "start": start,
            "end": end,
            "event_uuid": uuid.UUID(bytes=key),
            "event_id": None if is_uuid else event_id,
        }
        rows = await self._rows(_BY_ID, parameters)
        return [decode(row) for row in rows]

    async def daily_counts(
        self, app_id: str, start: datetime = BEGINNING, end: datetime = END
    ) -> list[DailyCount]:
        """How many events of each name occurred on each day (UTC), by day, then name; none without events."""
        parameters = {"app_id": app_id, "start": start, "end": end}
        return [DailyCount(**row) for row in await self._rows(_DAILY, parameters)]

    async def _rows(
        self, statement: TextClause, parameters: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        async with self._connect() as connection:
            result = await connection.execute(statement, parameters)
            return [{str(name): value for name, value in row.items()} for row in result.mappings()]


async def days_of_names(connection: AsyncConnection, app_id: str, names: Set[str]) -> set[datetime]:
    """The days (UTC) on which an app's events of some names occurred. Reads all of these events."""
    parameters = {"app_id": app_id, "names": sorted(names)}
    return set((await connection.execute(_DAYS_OF_NAMES, parameters)).scalars())


async def uncounted_batches(
    connection: AsyncConnection, first: uuid.UUID, others: Collection[bytes]
) -> frozenset[bytes]:
    """The ids, 16 bytes each, of batches that are stored and that aggregate has not counted: of those from
    the id `first` on, and of `others`."""
    parameters = {"first": first, "others": [uuid.UUID(bytes=batch_id) for batch_id in others]}
    found = await connection.execute(_UNCOUNTED, parameters)
    return frozenset(batch_id.bytes for batch_id in found.scalars())


async def stored_batches(connection: AsyncConnection, first: uuid.UUID) -> set[bytes]:
    """The ids of the batches that enrich has stored, 16 bytes each, from this id on. Old ones may be missing:
    enrich forgets batches that no stream can deliver again (ADR 19)."""
    found = await connection.execute(_BATCHES_FROM, {"first": first})
    return {batch_id.bytes for batch_id in found.scalars()}


async def recounted_events(
    connection: AsyncConnection,
    app_id: str,
    names: Collection[str],
    start: datetime,
    end: datetime,
    *,
    at_once: int,
) -> AsyncIterator[Sequence[RecountedEvent]]:
    """The events of some names that occurred from `start` until before `end`, in no order, in pages of
    `at_once`; over a connection from `snapshot_connection`."""
    driver = await driver_connection(connection)
    parameters = {"app_id": app_id, "names": sorted(names), "start": start, "end": end}
    async with driver.cursor(name="recount") as cursor:
        await cursor.execute(_RECOUNTED.encode(), parameters)
        while rows := await cursor.fetchmany(at_once):
            yield [RecountedEvent(*row) for row in rows]


@asynccontextmanager
async def snapshot_connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction that sees one state, that of the beginning, of events and of all else.

    A REPEATABLE READ transaction that began before a merge of partitions misses what was merged (ADR 8), so
    this one holds a lock that merges wait for. Leave it within minutes: meanwhile no events move from the
    default leaf, and Postgres removes no dead rows.
    """
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        async with connection.begin():
            await connection.execute(_KEEP_ROWS_IN_PLACE)
            yield connection


@asynccontextmanager
async def open_snapshot(engine: AsyncEngine) -> AsyncIterator[PostgresEventReader]:
    """A reader all of whose queries see one state; see `snapshot_connection`."""
    async with snapshot_connection(engine) as connection:
        yield PostgresEventReader(lambda: nullcontext(connection))

"""A day of the archive back in Postgres, in a schema of its own."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, LiteralString, Protocol

import psycopg
from psycopg import sql

from libs.events.columns import COLUMNS
from libs.events.digest import DIGEST_SQL, Row
from libs.objects import ObjectStore
from libs.stores.postgres import without_statistics
from services.enrich.archive.inspection import ArchivedDay
from services.enrich.archive.model import ArchiveError
from services.enrich.archive.reading import downloaded
from services.enrich.tables import events

PREFIX = "restored_"
# Postgres cuts what is longer.
_LONGEST_NAME = 63
_TYPES = {"timestamp with time zone": "bigint"}
_STAGED = sql.SQL(", ").join(
    sql.SQL("{} {}").format(
        sql.Identifier(column.name),
        sql.SQL(_TYPES.get(column.type, column.type)),
    )
    for column in COLUMNS
)
_NAMES = sql.SQL(", ").join(sql.Identifier(column.name) for column in COLUMNS)
_VALUES = sql.SQL(", ").join(
    sql.SQL("'epoch'::timestamptz + {} * interval '1 microsecond'").format(
        sql.Identifier(column.name)
    )
    if column.type == "timestamp with time zone"
    else sql.Identifier(column.name)
    for column in COLUMNS
)
# Erased people do not come back: neither from a copy of the archive, nor from a day that is to be rewritten.
# What a law keeps was not erased. Whose an event is, as `libs.events.person` has it, but for those with an id
# and without a pseudonym: fences have no ids. `enrich.fill_person` has been at all events before they are old
# enough for the archive.
_DELETE_FENCED: LiteralString = """
    DELETE FROM {schema}.events AS event USING enrich.fences AS fence
    WHERE fence.app_id = event.app_id AND (
        fence.person = event.person OR (
            event.person IS NULL AND coalesce(event.subject_id, '') = ''
            AND event.anonymous_id = replace(fence.person::text, '-', '')
        ))
        AND least(event.occurred_at, event.received_at) <= fence.fenced_at
        AND NOT event.name = ANY(%s)
"""
# As with the table itself: enrich owns it, and readers read.
_AFTERWARDS: tuple[LiteralString, ...] = (
    "ALTER SCHEMA {schema} OWNER TO weir_enrich",
    "ALTER TABLE {schema}.events OWNER TO weir_enrich",
    "GRANT USAGE ON SCHEMA {schema} TO weir_read",
    "GRANT SELECT ON {schema}.events TO weir_read",
)


class ReadFiles(Protocol):
    """See `parquet.ParquetFiles`."""

    def rows(self, file: IO[bytes]) -> Iterator[Sequence[Row]]:
        """The events of a file."""
        ...


@dataclass(frozen=True, slots=True)
class Restored:
    """The schema, whose table `events` has the columns of `enrich.events`; how many events it has, and how
    many stayed behind because their person was erased."""

    schema: str
    events: int
    erased: int


def schema_of(day: ArchivedDay) -> str:
    """The name of the schema for a day. Raises ArchiveError if the app's is too long for one."""
    name = f"{PREFIX}{day.app_id}_{day.day:%Y%m%d}"
    if len(name) > _LONGEST_NAME:
        raise ArchiveError(f"{name} is too long for the name of a schema")
    return name


async def restore(
    connection: psycopg.AsyncConnection[Any],
    objects: ObjectStore,
    files: ReadFiles,
    day: ArchivedDay,
    kept: Collection[str] | None,
) -> Restored:
    """Restores a day, in the connection's transaction, whose role owns the database. A schema that is there
    is replaced. `kept` are the names of events that a law keeps, None if no catalog says so. Raises
    ArchiveError if the files are not as their manifest says, or if it is not known which events of erased
    people are to be left out."""
    name = schema_of(day)

    async def run(statement: LiteralString) -> psycopg.AsyncCursor[Any]:
        return await connection.execute(sql.SQL(statement).format(schema=sql.Identifier(name)))

    await run("DROP SCHEMA IF EXISTS {schema} CASCADE")
    await run("CREATE SCHEMA {schema}")
    await run("CREATE TABLE {schema}.events (LIKE enrich.events INCLUDING DEFAULTS)")
    await connection.execute(without_statistics(sql.Identifier(name, "events"), events))
    await connection.execute(
        sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
            sql.Identifier(name), f"restored from the archive at {datetime.now(UTC).isoformat()}"
        )
    )
    for file in day.files:
        async with downloaded(objects, file.key, file.sha256) as content:
            await _load(connection, name, files, content)
    cursor = await run(f"SELECT count(*), {DIGEST_SQL} FROM {{schema}}.events")
    found = await cursor.fetchone()
    if found != (day.events, sum(file.digest for file in day.files)):
        raise ArchiveError("what was restored is not what the manifest says")
    fenced = sql.SQL(_DELETE_FENCED).format(schema=sql.Identifier(name))
    erased = (await connection.execute(fenced, [list(kept or ())])).rowcount
    if erased and kept is None:
        raise ArchiveError(f"without a catalog of {day.app_id} it is not known what a law keeps")
    for statement in _AFTERWARDS:
        await run(statement)
    return Restored(name, day.events - erased, erased)


async def _load(
    connection: psycopg.AsyncConnection[Any], schema: str, files: ReadFiles, content: IO[bytes]
) -> None:
    """Through a table of values as files have them: times are numbers there."""
    await connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE staged ({}) ON COMMIT DROP").format(_STAGED)
    )
    copying = sql.SQL("COPY staged ({}) FROM STDIN").format(_NAMES)
    async with connection.cursor() as cursor, cursor.copy(copying) as copy:
        for rows in files.rows(content):
            for row in rows:
                await copy.write_row(row)
    await connection.execute(
        sql.SQL("INSERT INTO {}.events ({}) SELECT {} FROM staged").format(
            sql.Identifier(schema), _NAMES, _VALUES
        )
    )
    await connection.execute("DROP TABLE staged")

"""Fills a migrated database with the generator's events, without the services: leaves, rows, unique key."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
from psycopg import sql

from services.enrich.partitions.plan import Leaf
from tests.bench.queries.generator import DAYS, START, Event, Generator
from tests.bench.queries.layouts import NAME_INDEX
from tests.bench.queries.parquet import ParquetWriter
from tests.bench.queries.rows import COLUMNS, RETENTION, RowMaker

_GROUP_INDEX = "ix_events_app_id_group_id_occurred_at"
_MIGRATED = (
    NAME_INDEX,
    "ix_events_app_id_person_occurred_at",
    "ix_events_without_person",
    _GROUP_INDEX,
)
# Made after the rows: as the migrations have them.
_LATER = (
    "ALTER TABLE enrich.events ADD CONSTRAINT uq_events"
    " UNIQUE (event_uuid, occurred_at, app_id, retention_class)",
    f"CREATE INDEX {_GROUP_INDEX} ON enrich.events (app_id, group_id, occurred_at)"
    " WHERE group_id IS NOT NULL",
)


def leaf(day: int) -> Leaf:
    """The leaf of a day."""
    start = START + timedelta(days=day)
    return Leaf(RETENTION, start, start + timedelta(days=1))


def load(
    connection: psycopg.Connection, generator: Generator, parquet: ParquetWriter
) -> Iterator[int]:
    """Writes all events to both sides; yields after each day how many there are. Without the two indexes
    that layouts replace. The connection commits by itself."""
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("SET synchronous_commit = off")
    for index in _MIGRATED:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("enrich", index)))
    connection.execute("ALTER TABLE enrich.events DROP CONSTRAINT uq_events")
    maker, total = RowMaker(generator), 0
    for day in range(DAYS):
        events = generator.day(day)
        parquet.write(day, events)
        copy_day(connection, maker, day, events)
        total += len(events)
        yield total
    for statement in _LATER:
        connection.execute(statement.encode())


def copy_day(
    connection: psycopg.Connection, maker: RowMaker, day: int, events: list[Event]
) -> None:
    """Makes the leaf of a day and fills it, in one transaction, so that little of it goes through the log."""
    target = leaf(day)
    table = sql.Identifier("enrich", target.name)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
                table,
                sql.Identifier("enrich", f"events_{RETENTION}"),
                target.start.isoformat(),
                target.end.isoformat(),
            )
        )
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            table, sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        )
        with cursor.copy(statement) as copy:
            for block in maker.blocks(events):
                copy.write(block)

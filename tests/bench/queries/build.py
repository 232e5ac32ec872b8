"""Fills a migrated database, and a folder of Parquet files, with the generator's events, without services.

Days are independent of each other, so there is a process for each core.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import psycopg
from psycopg import sql

from libs.stores.postgres import without_statistics
from services.enrich import tables
from services.enrich.partitions.plan import Leaf
from tests.bench.queries.catalog import load, write_catalog
from tests.bench.queries.cells import CellFiller
from tests.bench.queries.generator import DAYS, START, Event, Generator
from tests.bench.queries.parquet import ParquetWriter
from tests.bench.queries.rows import COLUMNS, RETENTION, RowMaker

_CLASS = f"events_{RETENTION}"
# Unique constraints come from `_CONSTRAINTS`.
_INDEXES = """
    SELECT replace(indexdef, format('INDEX %%I ON ONLY enrich.events ', indexname), 'INDEX ON {leaf} ')
    FROM pg_indexes WHERE schemaname = 'enrich' AND tablename = 'events' AND indexdef NOT LIKE '%%UNIQUE%%'
"""
_CONSTRAINTS = """
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'enrich.events'::regclass AND contype = 'u'
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What is built: so many events, into the database and the folders `parquet` and `catalogs` of `home`."""

    events: int
    url: str
    home: Path

    @property
    def parquet(self) -> Path:
        """Where the Parquet files are."""
        return self.home / "parquet"

    @property
    def catalogs(self) -> Path:
        """Where the catalog is."""
        return self.home / "catalogs"


class DayBuilder:
    """Makes one day after the other; a process has one of its own."""

    def __init__(self, target: Target) -> None:
        generator = Generator(target.events)
        self._generator = generator
        self._rows = RowMaker(generator)
        self._parquet = ParquetWriter(generator, target.parquet)
        self._cells = CellFiller(load(target.catalogs))
        self._connection = psycopg.connect(target.url, autocommit=True)
        self._connection.execute("SET synchronous_commit = off")

    def build(self, day: int) -> int:
        """Both sides, and the cells; returns how many events there are."""
        events = self._generator.day(day)
        self._parquet.write(day, events)
        self._fill_leaf(day, events)
        self._cells.fill(self._connection, day)
        return len(events)

    def _fill_leaf(self, day: int, events: list[Event]) -> None:
        """Indexes are made of all rows at once, as the migrations have them, and before the leaf is attached:
        that locks other days out."""
        leaf = _leaf(day)
        table = sql.Identifier("enrich", leaf.name)
        connection = self._connection
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE TABLE {} (LIKE enrich.events INCLUDING DEFAULTS)").format(table)
            )
            cursor.execute(without_statistics(table, tables.events))
            copy_events(cursor, table, self._rows, events)
        for (index,) in connection.execute(
            _INDEXES.format(leaf=f"enrich.{leaf.name}").encode(), ()
        ):
            connection.execute(index.encode())
        for (constraint,) in connection.execute(_CONSTRAINTS):
            connection.execute(sql.SQL("ALTER TABLE {} ADD ").format(table) + sql.SQL(constraint))
        connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier("enrich", _CLASS),
                table,
                leaf.start.isoformat(),
                leaf.end.isoformat(),
            )
        )
        connection.execute(sql.SQL("ANALYZE {}").format(table))

    def vacuum(self, day: int) -> None:
        """Lets indexes answer alone. Without effect while another day is filled, whose transaction may be
        older than the rows."""
        table = sql.Identifier("enrich", _leaf(day).name)
        self._connection.execute(sql.SQL("VACUUM {}").format(table))


def build(target: Target) -> Iterator[int]:
    """Makes everything; yields after each day how many events there are. The database has to be empty."""
    target.parquet.mkdir(parents=True)
    write_catalog(target.catalogs)
    total = 0
    # Not forked: a copy of this process would have its connections.
    context = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), context, _begin, (target,)) as pool:
        for events in pool.map(_build_day, range(DAYS)):
            total += events
            yield total
        for _ in pool.map(_vacuum_day, range(DAYS)):
            pass
    with psycopg.connect(target.url, autocommit=True) as connection:
        for table in ("cells", "measures", "members"):
            connection.execute(f"VACUUM (ANALYZE) aggregate.{table}".encode())


def copy_events(
    cursor: psycopg.Cursor, table: sql.Identifier, rows: RowMaker, events: list[Event]
) -> None:
    """Copies events into a table with the columns of `enrich.events`."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    )
    with cursor.copy(statement) as copy:
        for block in rows.blocks(events):
            copy.write(block)


def _leaf(day: int) -> Leaf:
    start = START + timedelta(days=day)
    return Leaf(RETENTION, start, start + timedelta(days=1))


_builders: list[DayBuilder] = []


def _begin(target: Target) -> None:
    _builders.append(DayBuilder(target))


def _build_day(day: int) -> int:
    return _builders[0].build(day)


def _vacuum_day(day: int) -> None:
    _builders[0].vacuum(day)

"""Enrich's Postgres: events stored exactly once, a whole chunk in one transaction."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg.types.string import BytesBinaryDumper
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.postgres import driver_connection
from services.enrich import metrics
from services.enrich.model import Row, WorkBatch
from services.enrich.ports import RowRejected
from services.enrich.storage.rows import COLUMNS, POSTGRES_EPOCH_US, rows_of

_NAMES = ", ".join(name for name, _ in COLUMNS)
_TYPES = [kind for _, kind in COLUMNS]
_CLASS = next(i for i, (name, _) in enumerate(COLUMNS) if name == "retention_class")
_APP = next(i for i, (name, _) in enumerate(COLUMNS) if name == "app_id")

# Records batches as stored; those that were before are not returned. A batch that another consumer is
# just storing makes this wait until that one has committed or failed.
CLAIM_BATCHES = """
    INSERT INTO enrich.batches (batch_id, skipped)
    SELECT batch_id, '{}' FROM unnest(%(batch_ids)s::uuid[]) AS batch_id
    ON CONFLICT DO NOTHING RETURNING batch_id
"""
# What a batch that was stored before had skipped then.
SKIPPED_BEFORE = "SELECT batch_id, skipped FROM enrich.batches WHERE batch_id = ANY(%(batch_ids)s)"
RECORD_SKIPPED = "UPDATE enrich.batches SET skipped = %(skipped)s WHERE batch_id = %(batch_id)s"
COPY_EVENTS = f"COPY enrich.events ({_NAMES}) FROM STDIN (FORMAT binary)"
CREATE_STAGING = """
    CREATE TEMPORARY TABLE staging (LIKE enrich.events) ON COMMIT DROP
"""
COPY_STAGING = f"COPY staging ({_NAMES}) FROM STDIN (FORMAT binary)"
# Stores the rows whose event is not there yet; returns the keys of those that it stored.
INSERT_NEW = f"""
    INSERT INTO enrich.events ({_NAMES}) SELECT {_NAMES} FROM staging
    ON CONFLICT DO NOTHING
    RETURNING event_uuid, (extract(epoch FROM occurred_at) * 1000000)::bigint, app_id, retention_class
"""


class PostgresEventStore:
    """Implements `ports.EventStore`: writes chunks of batches of any apps into `enrich.events`.

    Three things together make "exactly once": `enrich.batches` says which batches are stored, the
    unique key of `enrich.events` says which events are, and both change in one transaction.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def rows(self, batch: WorkBatch) -> Sequence[Row | None]:
        """The rows as binary COPY takes them."""
        return rows_of(batch)

    async def write(self, batches: Sequence[WorkBatch]) -> None:
        """Stores the batches' rows in one transaction. Raises RowRejected, and what psycopg raises if
        Postgres is away or overloaded."""
        # Ingest may append a batch twice when it loses Redis's answer: it is stored once, as the first.
        firsts: dict[bytes, WorkBatch] = {}
        for batch in batches:
            firsts.setdefault(batch.batch_id, batch)
        rows = {batch_id: batch.live_rows() for batch_id, batch in firsts.items()}
        try:
            try:
                await self._write(list(firsts.values()), rows)
            except psycopg.errors.CheckViolation:
                # While the chunk waited for the default leaf, a leaf was made for one of its rows.
                await self._write(list(firsts.values()), rows)
        except psycopg.DataError as error:
            raise RowRejected(type(error).__name__) from error
        for batch in batches:
            first = firsts[batch.batch_id]
            if batch is not first:
                batch.repeated = True
                batch.skipped = set(first.skipped)

    async def skipped_before(self, batch_ids: Sequence[bytes]) -> dict[bytes, list[int]]:
        """For each batch that is stored already, the positions that it skipped then."""
        async with self._engine.connect() as outer:
            connection = await driver_connection(outer)
            return await _skipped_before(connection, batch_ids)

    async def can_store(self, rows: Sequence[Row]) -> bool:
        """Whether Postgres takes these rows as they are; stores nothing."""
        async with self._engine.connect() as outer:
            connection = await driver_connection(outer)
            try:
                # So that SQLAlchemy begins its transaction.
                await outer.exec_driver_sql("SELECT 1")
                await connection.execute(CREATE_STAGING)
                await _copy(connection, COPY_STAGING, rows)
            except psycopg.DataError:
                return False
            finally:
                await outer.rollback()
        return True

    async def _write(
        self, batches: Sequence[WorkBatch], rows: dict[bytes, list[tuple[int, Row]]]
    ) -> None:
        async with self._engine.connect() as outer, outer.begin():
            connection = await driver_connection(outer)
            ids = list(rows)
            # Before anything that outer knows of, so that SQLAlchemy begins its transaction.
            await outer.exec_driver_sql("SET LOCAL synchronous_commit = on")
            cursor = await connection.execute(CLAIM_BATCHES, {"batch_ids": _uuids(ids)})
            new = {row[0].bytes for row in await cursor.fetchall()}
            before: dict[bytes, list[int]] = {}
            if old := [batch_id for batch_id in ids if batch_id not in new]:
                before = await _skipped_before(connection, old)
            fresh = [batch for batch in batches if batch.batch_id in new]
            await self._store(connection, fresh, rows)
        for batch in batches:
            batch.repeated = batch.batch_id in before
            if batch.repeated:
                batch.skipped = set(before[batch.batch_id])

    async def _store(
        self,
        connection: psycopg.AsyncConnection[Any],
        batches: Sequence[WorkBatch],
        rows: dict[bytes, list[tuple[int, Row]]],
    ) -> None:
        """Stores the rows of batches that are stored for the first time, and what these skip."""
        everything = [row for batch in batches for _, row in rows[batch.batch_id]]
        stored = await self._store_rows(connection, everything) if everything else None
        for batch in batches:
            if stored is not None:
                for position, row in rows[batch.batch_id]:
                    key = _key(row)
                    if stored[key]:
                        # Of two events with one key in a chunk, the first is the one that is stored.
                        stored[key] -= 1
                    else:
                        batch.skipped.add(position)
            # Also if nothing is left to store: a repetition must not take failed events for stored.
            if batch.skipped:
                await connection.execute(
                    RECORD_SKIPPED,
                    {"batch_id": uuid.UUID(bytes=batch.batch_id), "skipped": sorted(batch.skipped)},
                )

    async def _store_rows(
        self, connection: psycopg.AsyncConnection[Any], rows: Sequence[Row]
    ) -> Counter[tuple[Any, ...]] | None:
        """Stores rows; returns how many of each key, None if it was all of them."""
        try:
            # The usual case: every event is new. Straight into the table costs two thirds of what
            # staging and ON CONFLICT cost (ADR 0002).
            async with connection.transaction():
                await _copy(connection, COPY_EVENTS, rows)
        except psycopg.errors.UniqueViolation:
            metrics.CONFLICT_CHUNKS.inc()
            return await self._store_new(connection, rows)
        return None

    async def _store_new(
        self, connection: psycopg.AsyncConnection[Any], rows: Sequence[Row]
    ) -> Counter[tuple[Any, ...]]:
        await connection.execute(CREATE_STAGING)
        await _copy(connection, COPY_STAGING, rows)
        cursor = connection.cursor(binary=True)
        await cursor.execute(INSERT_NEW)
        return Counter(
            (row[0].bytes, row[1] - POSTGRES_EPOCH_US, row[2], row[3])
            for row in await cursor.fetchall()
        )


async def _skipped_before(
    connection: psycopg.AsyncConnection[Any], batch_ids: Iterable[bytes]
) -> dict[bytes, list[int]]:
    cursor = await connection.execute(SKIPPED_BEFORE, {"batch_ids": _uuids(batch_ids)})
    return {row[0].bytes: row[1] for row in await cursor.fetchall()}


async def _copy(
    connection: psycopg.AsyncConnection[Any], statement: str, rows: Sequence[Row]
) -> None:
    async with connection.cursor() as cursor:
        # In C, unlike the dumper that bytea has by default.
        cursor.adapters.register_dumper(bytes, BytesBinaryDumper)
        async with cursor.copy(statement) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                await copy.write_row(row)


def _uuids(batch_ids: Iterable[bytes]) -> list[uuid.UUID]:
    return [uuid.UUID(bytes=batch_id) for batch_id in batch_ids]


def _key(row: Row) -> tuple[Any, ...]:
    return row[0], row[1], row[_APP], row[_CLASS]

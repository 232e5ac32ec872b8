"""Enrich's Postgres: events stored exactly once, a whole chunk in one transaction."""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs
from libs.common.pseudonym import Pseudonymizer
from libs.stores.postgres import driver_connection
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.postgres_direct import DirectConnections
from services.enrich import metrics
from services.enrich.erasure.fences import EPOCH, HOLD_FENCES, Fences, FencesChangedError
from services.enrich.model import Row, WorkBatch
from services.enrich.ports import RowRejected
from services.enrich.storage.rows import COLUMNS, rows_of

_NAMES = ", ".join(COLUMNS)
# A file of binary COPY: its signature, no flags, no extension of the header; and what ends it.
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
# Sent at once.
_BLOCK_BYTES = 128 * 1024

# All of a chunk of which nothing is stored yet, in one round trip but for the rows. The batches are recorded
# as by CLAIM_BATCHES, each with what it skips.
STORE_NEW = f"""
    BEGIN;
    SET LOCAL synchronous_commit = on;
    {HOLD_FENCES};
    INSERT INTO enrich.batches (batch_id, skipped) VALUES %s
    ON CONFLICT DO NOTHING RETURNING batch_id, ({EPOCH});
    COPY enrich.events ({_NAMES}) FROM STDIN (FORMAT binary);
    COMMIT
"""
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
CREATE_STAGING = """
    CREATE TEMPORARY TABLE staging (LIKE enrich.events INCLUDING DEFAULTS) ON COMMIT DROP
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

    def __init__(
        self,
        engine: AsyncEngine,
        connector: PostgresConnector,
        pseudonymizer: Pseudonymizer,
        catalogs: Catalogs,
    ) -> None:
        """Engine and connector lead to the same database. The engine is the caller's to close."""
        self._engine = engine
        self._pseudonymizer = pseudonymizer
        self._fences = Fences(engine, pseudonymizer, catalogs)
        self._direct = DirectConnections(connector)

    def close(self) -> None:
        """Closes its own connections."""
        self._direct.close()

    def rows(self, batch: WorkBatch) -> Sequence[Row | None]:
        """The rows as binary COPY takes them."""
        return rows_of(batch, self._pseudonymizer)

    async def write(self, batches: Sequence[WorkBatch]) -> None:
        """Stores the batches' rows in one transaction. Raises RowRejected, and what psycopg raises if
        Postgres is away or overloaded.

        In the usual chunk no batch and no event is stored already. If that turns out not to be so, nothing of
        it is stored, and a second transaction finds out what is new. Events behind a fence are not stored,
        and count as skipped.
        """
        while True:
            # And those found before: one that was anonymized since has lost the id that leads to its fence.
            fenced = [
                positions | batch.fenced
                for batch, positions in zip(batches, await self._fences.find(batches), strict=True)
            ]
            for batch, positions in zip(batches, fenced, strict=True):
                if found := positions - batch.skipped:
                    metrics.FENCED.labels(batch.app_id).inc(len(found))
                    batch.skipped |= found
            try:
                await self._write_copies(batches)
                break
            except FencesChangedError:
                await self._fences.load()
        for batch, positions in zip(batches, fenced, strict=True):
            # Also if a fence came after it was stored: it is not handed on any more.
            if positions:
                batch.fenced = positions
                batch.skipped = batch.skipped | positions

    async def fenced(self, batches: Sequence[WorkBatch]) -> Sequence[set[int]]:
        """See the port."""
        return await self._fences.find(batches)

    async def _write_copies(self, batches: Sequence[WorkBatch]) -> None:
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
        if not await self._write_all_new(batches, rows):
            metrics.CONFLICT_CHUNKS.inc()
            await self._write_the_new(batches, rows)

    async def _write_all_new(
        self, batches: Sequence[WorkBatch], rows: dict[bytes, list[tuple[int, Row]]]
    ) -> bool:
        """Stores batches of which nothing is stored yet; False if something is, and nothing was stored."""
        everything = [row for batch in batches for _, row in rows[batch.batch_id]]
        outdated = False

        def data(results: Sequence[PGresult]) -> Iterable[bytes] | None:
            nonlocal outdated
            # Of the batches that were just recorded.
            recorded = results[-2]
            if recorded.ntuples != len(batches):
                return None
            outdated = recorded.get_value(0, 1) != str(self._fences.epoch).encode()
            return None if outdated else _blocks(everything)

        async with self._direct.connection() as connection:
            try:
                stored = await connection.run(STORE_NEW.encode() % _values(batches), data)
            except psycopg.errors.UniqueViolation:
                return False
        if outdated:
            raise FencesChangedError
        if stored is None:
            return False
        for batch in batches:
            batch.repeated = False
        return True

    async def _write_the_new(
        self, batches: Sequence[WorkBatch], rows: dict[bytes, list[tuple[int, Row]]]
    ) -> None:
        """Stores what is not there yet. Staging and ON CONFLICT cost half as much again as COPY straight into
        the table (ADR 0002)."""
        async with self._engine.connect() as outer, outer.begin():
            connection = await driver_connection(outer)
            ids = list(rows)
            # Before anything that outer knows of, so that SQLAlchemy begins its transaction.
            await outer.exec_driver_sql("SET LOCAL synchronous_commit = on")
            await connection.execute(HOLD_FENCES)
            [(epoch,)] = await (await connection.execute(EPOCH)).fetchall()
            if epoch != self._fences.epoch:
                raise FencesChangedError
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
        stored = await self._store_new(connection, everything) if everything else Counter()
        for batch in batches:
            for position, _ in rows[batch.batch_id]:
                key = _key(batch, position)
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

    async def _store_new(
        self, connection: psycopg.AsyncConnection[Any], rows: Sequence[Row]
    ) -> Counter[tuple[Any, ...]]:
        await connection.execute(CREATE_STAGING)
        await _copy(connection, COPY_STAGING, rows)
        cursor = connection.cursor(binary=True)
        await cursor.execute(INSERT_NEW)
        return Counter((row[0].bytes, row[1], row[2], row[3]) for row in await cursor.fetchall())


async def _skipped_before(
    connection: psycopg.AsyncConnection[Any], batch_ids: Iterable[bytes]
) -> dict[bytes, list[int]]:
    cursor = await connection.execute(SKIPPED_BEFORE, {"batch_ids": _uuids(batch_ids)})
    return {row[0].bytes: row[1] for row in await cursor.fetchall()}


async def _copy(
    connection: psycopg.AsyncConnection[Any], statement: str, rows: Sequence[Row]
) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for block in _blocks(rows):
            await copy.write(block)


def _blocks(rows: Sequence[Row]) -> Iterator[bytes]:
    """The rows as binary COPY takes them, in blocks of _BLOCK_BYTES or little more."""
    block = [_COPY_HEADER]
    size = 0
    for row in rows:
        block.append(row)
        size += len(row)
        if size > _BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    block.append(_COPY_TRAILER)
    yield b"".join(block)


def _values(batches: Iterable[WorkBatch]) -> bytes:
    """Batches as they are recorded: ids as UUIDs, and the positions that they skip as arrays."""
    return ",".join(
        f"('{batch.batch_id.hex()}'::uuid, '{{{','.join(map(str, sorted(batch.skipped)))}}}'::int[])"
        for batch in batches
    ).encode()


def _uuids(batch_ids: Iterable[bytes]) -> list[uuid.UUID]:
    return [uuid.UUID(bytes=batch_id) for batch_id in batch_ids]


def _key(batch: WorkBatch, position: int) -> tuple[Any, ...]:
    event = batch.enriched[position]
    assert event is not None
    return event.event_uuid, event.occurred_at_us, batch.app_id, event.retention_class

"""Recounts in Postgres. Values come in as parameters only."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import psycopg
import sqlalchemy.exc
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.clock import Clock, moment_of
from libs.events.postgres import recounted_events, snapshot_connection, uncounted_batches
from libs.streams.batch_pruning import first_uuid7
from services.aggregate.buckets import moment
from services.aggregate.counting.postgres import RECOUNT_LOCK
from services.aggregate.model import StoredBatch
from services.aggregate.recount.model import GoneCell, PostponedError, Unit
from services.aggregate.recount.rows import page_of

log = structlog.get_logger()
# Counting waits behind what waits for the lock: not for long.
_LOCK_SECONDS = 5
_TIMEOUTS = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
_LOCK = text(f"SELECT pg_advisory_xact_lock({RECOUNT_LOCK})")
# Has those that count read the state again.
NEXT_EPOCH = text("UPDATE aggregate.recount_epoch SET epoch = epoch + 1")
# Batches on their way. More are a backlog: recounting would add to the load just then.
MAX_COVERED = 5_000
# Cells of one recount that are said to be gone.
MAX_GONE = 10_000
# Events in one page: about 20 ms of folding, in the event loop that counts.
_PAGE_EVENTS = 1_000

_NEXT_NUMBER = text("SELECT nextval('aggregate.recount_numbers')")
_ADD_RANGE = text("""
INSERT INTO aggregate.recounts (generation, rollup, app_id, first_bucket, end_bucket)
VALUES (:generation, :rollup, :app_id, :first, :end)
""")
_ADD_COVERED = text("""
INSERT INTO aggregate.covered_batches (batch_id, generation)
SELECT batch_id, :generation FROM unnest(CAST(:ids AS uuid[])) AS covered (batch_id)
""")
_END = text("DELETE FROM aggregate.recounts WHERE generation = :generation RETURNING rollup")
# Cells of other generations in the buckets of a recount: readers see them no more.
_HIDE_CELLS = text("""
WITH gone AS (
    DELETE FROM aggregate.cells AS c USING aggregate.recounts AS r
    WHERE r.generation = :generation AND c.app_id = r.app_id AND c.rollup = r.rollup
        AND c.bucket >= r.first_bucket AND c.bucket < r.end_bucket
    RETURNING c.cell_id, c.app_id, c.rollup, c.bucket
), remembered AS (
    INSERT INTO aggregate.old_cells (cell_id) SELECT cell_id FROM gone ON CONFLICT DO NOTHING
), shown AS (
    SELECT app_id, rollup, bucket FROM aggregate.made_cells WHERE generation = :generation
), marked AS (
    SELECT b.app_id, b.rollup, b.bucket FROM aggregate.buckets AS b JOIN aggregate.recounts AS r
        ON r.generation = :generation AND b.app_id = r.app_id AND b.rollup = r.rollup
        AND b.bucket >= r.first_bucket AND b.bucket < r.end_bucket
)
INSERT INTO aggregate.buckets AS b (app_id, rollup, bucket, generation, revision)
SELECT app_id, rollup, bucket, :generation, 1 FROM (
    SELECT app_id, rollup, bucket FROM gone UNION SELECT * FROM shown UNION SELECT * FROM marked
) AS changed
ON CONFLICT (app_id, rollup, bucket) DO UPDATE SET
    generation = excluded.generation,
    revision = b.revision + 1,
    dirty_mark = CASE WHEN b.dirty_mark = ANY(:marks) THEN NULL ELSE b.dirty_mark END,
    dirty_reason = CASE WHEN b.dirty_mark = ANY(:marks) THEN NULL ELSE b.dirty_reason END,
    dirty_since = CASE WHEN b.dirty_mark = ANY(:marks) THEN NULL ELSE b.dirty_since END
""")
# At most :limit cells that have no successor.
_GONE_CELLS = text("""
SELECT c.rollup, extract(epoch FROM c.bucket)::bigint, c.dimensions::text, coalesce(c.first_id, c.cell_id)
FROM aggregate.recounts AS r JOIN aggregate.cells AS c
    ON c.app_id = r.app_id AND c.rollup = r.rollup AND c.bucket >= r.first_bucket AND c.bucket < r.end_bucket
LEFT JOIN aggregate.made_cells AS m
    ON m.generation = :generation AND m.first_id = coalesce(c.first_id, c.cell_id)
WHERE r.generation = :generation AND m.cell_id IS NULL
LIMIT :limit
""")
_SHOW_CELLS = text("""
WITH shown AS (
    DELETE FROM aggregate.made_cells WHERE generation = :generation
    RETURNING cell_id, app_id, rollup, bucket, dimensions, first_id
)
INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions, first_id)
SELECT * FROM shown
""")
_NOTE_ROLLUPS = text("""
INSERT INTO aggregate.recounted_rollups (app_id, rollup)
SELECT app_id, rollup FROM aggregate.recounts WHERE generation = :generation
ON CONFLICT DO NOTHING
""")
_IS_WORK_LEFT = text("""
SELECT EXISTS (SELECT FROM aggregate.buckets WHERE dirty_mark IS NOT NULL)
    OR EXISTS (SELECT FROM aggregate.recounts) OR EXISTS (SELECT FROM aggregate.old_cells)
""")
# Of a transaction that stays open meanwhile: it ends with its process, however that ends.
_TURN = text("SELECT pg_try_advisory_xact_lock(1999989106, 1953853038)")
_OLD_CELLS = text("SELECT cell_id FROM aggregate.old_cells LIMIT 500")
# A cell may have millions of members.
_DELETE_MEMBERS = text("""
DELETE FROM aggregate.members WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM aggregate.members WHERE cell_id = ANY(:ids) LIMIT 5000
))
""")
_DELETE_MEASURES = text("DELETE FROM aggregate.measures WHERE cell_id = ANY(:ids)")
_DELETE_OLD_CELLS = text("DELETE FROM aggregate.old_cells WHERE cell_id = ANY(:ids)")
# Batches that were counted need no cover any more.
_UNCOVER = text("""
DELETE FROM aggregate.covered_batches AS c USING aggregate.batches AS b WHERE b.batch_id = c.batch_id
""")
_OPEN = text("SELECT DISTINCT generation FROM aggregate.recounts")
# What the abandoned one has made, and what it would have kept from being counted twice.
_FORGET_MADE = text("""
WITH gone AS (DELETE FROM aggregate.made_cells WHERE generation = :generation RETURNING cell_id)
INSERT INTO aggregate.old_cells (cell_id) SELECT cell_id FROM gone ON CONFLICT DO NOTHING
""")
_FORGET_COVERED = text("DELETE FROM aggregate.covered_batches WHERE generation = :generation")


class PostgresRecounts:
    """Implements `recount.ports.Recounts`."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        *,
        watermark: Callable[[], datetime | None],
        quarantined: Callable[[], Awaitable[frozenset[bytes]]],
        kept: timedelta,
    ) -> None:
        """`watermark`: everything received before it is counted, or in quarantine, None if that is not known.
        `quarantined`: the ids of batches there. `kept`: how long ids of counted batches are kept at least."""
        self._engine = engine
        self._clock = clock
        self._watermark = watermark
        self._quarantined = quarantined
        self._kept = kept

    @asynccontextmanager
    async def open(self, unit: Unit) -> AsyncIterator["PostgresRecount"]:
        """See the port."""
        kept_since = moment_of(self._clock.now_us()) - self._kept
        watermark = self._watermark()
        if watermark is None or watermark < kept_since:
            raise PostponedError("it is not known which batches are on their way")
        quarantined = await self._quarantined()
        async with self._engine.connect() as connection:
            # Most of what is on its way, found without keeping counting from its work.
            candidates = await uncounted_batches(connection, first_uuid7(kept_since), quarantined)
        async with snapshot_connection(self._engine) as snapshot:
            generation, covered = await self._begin(
                unit, snapshot, first_uuid7(watermark), candidates
            )
            opened = PostgresRecount(self, unit, snapshot, generation)
            try:
                # In the same snapshot, and without the lock: were these all?
                on_their_way = await uncounted_batches(
                    snapshot, first_uuid7(kept_since), quarantined
                )
                if on_their_way - covered:
                    raise PostponedError("batches were stored that had been received long before")
                yield opened
            finally:
                if not opened.closed:
                    await self._abandon(generation)

    async def is_work_left(self) -> bool:
        """See `ports.Turns`."""
        async with self._engine.connect() as connection:
            return bool((await connection.execute(_IS_WORK_LEFT)).scalar_one())

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """See `ports.Turns`."""
        async with self._engine.connect() as connection:
            yield bool((await connection.execute(_TURN)).scalar_one())

    async def clean(self) -> int:
        """See `ports.Turns`. A few thousand rows at a time, so that no transaction is long."""
        cleaned = 0
        while True:
            async with self._engine.begin() as connection:
                ids = list((await connection.execute(_OLD_CELLS)).scalars())
            if not ids:
                break
            deleted = 1
            while deleted:
                async with self._engine.begin() as connection:
                    deleted = (await connection.execute(_DELETE_MEMBERS, {"ids": ids})).rowcount
            async with self._engine.begin() as connection:
                await connection.execute(_DELETE_MEASURES, {"ids": ids})
                await connection.execute(_DELETE_OLD_CELLS, {"ids": ids})
            cleaned += len(ids)
        async with self._engine.begin() as connection:
            await connection.execute(_UNCOVER)
        return cleaned

    async def abandon_all(self) -> int:
        """See `ports.Turns`. Only for the replica whose turn it is."""
        async with self._engine.connect() as connection:
            generations = (await connection.execute(_OPEN)).scalars().all()
        for generation in generations:
            await self._abandon(generation)
        return len(generations)

    async def close(self, unit: Unit, generation: int) -> Sequence[GoneCell]:
        """See `OpenedRecount.close`."""
        parameters = {"generation": generation}
        async with counting_stopped(self._engine) as connection:
            rows = await connection.execute(_GONE_CELLS, {**parameters, "limit": MAX_GONE})
            gone = [GoneCell(row[0], row[1], row[2].encode(), row[3].bytes) for row in rows]
            await connection.execute(_HIDE_CELLS, {**parameters, "marks": sorted(unit.marks)})
            await connection.execute(_SHOW_CELLS, parameters)
            await connection.execute(_NOTE_ROLLUPS, parameters)
            if not (await connection.execute(_END, parameters)).all():
                raise PostponedError("another process has ended the recount")
            await connection.execute(NEXT_EPOCH)
        return gone

    async def _begin(
        self,
        unit: Unit,
        snapshot: AsyncConnection,
        first: uuid.UUID,
        candidates: frozenset[bytes],
    ) -> tuple[int, frozenset[bytes]]:
        """Opens a recount; its generation, and the batches that are stored and not counted."""
        async with counting_stopped(self._engine) as connection:
            # The first query of the snapshot, while nothing can be counted: what is counted in it is in the
            # cells of before, and what is stored in it will be in those of the recount.
            covered = await _within_lock(uncounted_batches(snapshot, first, candidates))
            if len(covered) > MAX_COVERED:
                raise PostponedError(f"more than {MAX_COVERED} batches are on their way")
            generation = int((await connection.execute(_NEXT_NUMBER)).scalar_one())
            for found in unit.ranges:
                await connection.execute(
                    _ADD_RANGE,
                    {
                        "generation": generation,
                        "rollup": found.rollup,
                        "app_id": unit.app_id,
                        "first": moment(found.start),
                        "end": moment(found.end),
                    },
                )
            ids = [uuid.UUID(bytes=batch_id) for batch_id in sorted(covered)]
            await connection.execute(_ADD_COVERED, {"generation": generation, "ids": ids})
            await connection.execute(NEXT_EPOCH)
        return generation, covered

    async def _abandon(self, generation: int) -> None:
        parameters = {"generation": generation}
        async with counting_stopped(self._engine) as connection:
            if (await connection.execute(_END, parameters)).all():
                await connection.execute(_FORGET_MADE, parameters)
                await connection.execute(_FORGET_COVERED, parameters)
                await connection.execute(NEXT_EPOCH)


@asynccontextmanager
async def counting_stopped(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction during which nothing is counted. Raises PostponedError if it cannot begin soon."""
    try:
        async with engine.begin() as connection:
            for setting in ("lock_timeout", "statement_timeout"):
                await connection.exec_driver_sql(f"SET LOCAL {setting} = '{_LOCK_SECONDS}s'")
            await connection.execute(_LOCK)
            yield connection
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, _TIMEOUTS):
            raise PostponedError("counting was too busy") from error
        raise


async def _within_lock(found: Awaitable[frozenset[bytes]]) -> frozenset[bytes]:
    try:
        return await asyncio.wait_for(found, _LOCK_SECONDS)
    except TimeoutError:
        raise PostponedError("batches on their way were not found in time") from None


class PostgresRecount:
    """Implements `recount.ports.OpenedRecount`."""

    def __init__(
        self, recounts: PostgresRecounts, unit: Unit, snapshot: AsyncConnection, generation: int
    ) -> None:
        self._recounts = recounts
        self._unit = unit
        self._snapshot = snapshot
        self.generation = generation
        self.closed = False

    async def pages(
        self, names: Collection[str], start: int, end: int
    ) -> AsyncIterator[StoredBatch]:
        """See the port."""
        app_id = self._unit.app_id
        pages = recounted_events(
            self._snapshot, app_id, names, moment(start), moment(end), at_once=_PAGE_EVENTS
        )
        async for rows in pages:
            yield page_of(app_id, rows)

    async def close(self) -> Sequence[GoneCell]:
        """See the port."""
        gone = await self._recounts.close(self._unit, self.generation)
        self.closed = True
        return gone

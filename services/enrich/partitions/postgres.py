"""The leaves of `enrich.events` as Postgres has them, and how they are changed while events are stored.

Every change is one transaction: no query misses an event or finds it twice (except that a REPEATABLE READ
transaction that begins before a merge and reads after it misses what was merged), and a crash undoes the
whole change. Replicas take turns.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncTransaction

from libs.catalog import RETENTION_CLASSES
from libs.stores.postgres import driver_connection, without_statistics
from services.enrich.partitions.plan import BEGINNING, Leaf, PartitionChange, default_leaf
from services.enrich.tables import EVENT_COLUMNS, events

log = structlog.get_logger()

# Writers and readers of a class queue behind a lock that waits for it, so it is better to try again later.
# Merges are the least urgent.
MERGE_LOCK_TIMEOUT = "100ms"
LOCK_TIMEOUT = "500ms"
# With this constraint, Postgres need not read all of a table when it becomes a leaf again.
FITS = sql.Identifier("fits_merged_bounds")
# "weir part" as a number, like the lock of the migrations.
TURN: LiteralString = "SELECT pg_try_advisory_xact_lock(1999989106, 1885434484)"
# The role of this service, which migration 0007 makes.
OWNER = "weir_enrich"
# Vacuumed after a twentieth of new rows instead of a fifth: until then, queries that could do with an index
# look into the table as well.
LEAF_SETTINGS: LiteralString = "autovacuum_vacuum_insert_scale_factor = 0.05"
# Sizes are those of the rows without indexes: what a merge would copy.
LEAVES = """
    SELECT parent.relname, leaf.relname, pg_get_expr(leaf.relpartbound, leaf.oid),
           pg_relation_size(leaf.oid)
    FROM pg_inherits
    JOIN pg_class AS leaf ON leaf.oid = inhrelid
    JOIN pg_class AS parent ON parent.oid = inhparent
    JOIN pg_partitioned_table ON partrelid = inhparent AND partstrat = 'r'
    WHERE parent.relnamespace = 'enrich'::regnamespace AND parent.relname LIKE 'events\\_%'
"""
_RANGE = re.compile(r"FOR VALUES FROM \((?:'(?P<start>.+)'|MINVALUE)\) TO \('(?P<end>.+)'\)")
_PARENT_PREFIX = "events_"


class PostgresPartitionStore:
    """Reads and changes the leaves of all retention classes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def leaves(self) -> Mapping[str, Sequence[Leaf]]:
        """The leaves of each class, without the default ones."""
        async with self._engine.connect() as outer:
            return await _leaves(await driver_connection(outer))

    async def classes_in_default(self) -> set[str]:
        """The classes whose default leaf holds an event."""
        statement = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(
                sql.Literal(name), sql.Identifier("enrich", default_leaf(name))
            )
            for name in RETENTION_CLASSES
        )
        async with self._engine.connect() as outer:
            cursor = await (await driver_connection(outer)).execute(statement)
            return {row[0] for row in await cursor.fetchall()}

    async def apply(self, change: PartitionChange) -> bool:
        """Makes the change; False if another replica is or was at work, or a row came in between, and
        nothing was changed.

        Raises psycopg.errors.LockNotAvailable if the class is too busy.
        """
        if change.leaf.name in (source.name for source in change.sources):
            await self._check_bounds(change.leaf)
        timeout = MERGE_LOCK_TIMEOUT if change.sources else LOCK_TIMEOUT
        async with self._transaction(timeout) as (transaction, connection):
            made = (
                await _is_true(connection, sql.SQL(TURN))
                and await _is_still_due(connection, change)
                and await _apply(connection, change)
            )
            if not made:
                await transaction.rollback()
                return False
        if change.sources:
            log.info("partitions merged", into=change.leaf.name, merged=len(change.sources))
        return True

    async def drop(self, leaf: Leaf, keeping: Sequence[str] = ()) -> int | None:
        """Drops a leaf with all its events, or empties it if it is the one for everything older; how many it
        held. None if it is not there any more, is empty and stays, or has an event of the apps in `keeping`.

        Raises psycopg.errors.LockNotAvailable if the class is busy, or another replica changes partitions.
        """
        table = sql.Identifier("enrich", leaf.name)
        async with self._transaction(LOCK_TIMEOUT) as (_, connection):
            if not await _is_true(connection, sql.SQL(TURN)):
                raise psycopg.errors.LockNotAvailable("another replica changes partitions")
            present = (await _leaves(connection))[leaf.retention_class]
            # A merge may have made it another one since.
            if not any(other.name == leaf.name and other == leaf for other in present):
                return None
            cursor = await connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
            [(events,)] = await cursor.fetchall()
            is_older = leaf.start == BEGINNING
            if is_older and not events:
                return None
            # From here on nothing is added to it, as dropping it would see to a moment later.
            parent = sql.Identifier("enrich", f"{_PARENT_PREFIX}{leaf.retention_class}")
            if not is_older:
                await connection.execute(
                    sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(parent)
                )
            await connection.execute(
                sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table)
            )
            holds = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE app_id = ANY({}))")
            if await _is_true(connection, holds.format(table, list(keeping))):
                return None
            statement = "TRUNCATE {}" if is_older else "DROP TABLE {}"
            await connection.execute(sql.SQL(statement).format(table))
        log.info("partition dropped", leaf=leaf.name, events=events)
        return int(events)

    async def _check_bounds(self, leaf: Leaf) -> None:
        """Has Postgres validate, while others read and write, that a table fits the bounds that it is about
        to get: otherwise a merge would read the whole table under its lock on the class."""
        table = sql.Identifier("enrich", leaf.name)
        async with self._transaction(MERGE_LOCK_TIMEOUT) as (_, connection):
            await connection.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(table, FITS)
            )
            await connection.execute(
                sql.SQL(
                    "ALTER TABLE {} ADD CONSTRAINT {} CHECK (retention_class = {} AND {}) NOT VALID"
                ).format(table, FITS, leaf.retention_class, _in_time_of(leaf))
            )
        async with self._transaction(MERGE_LOCK_TIMEOUT) as (_, connection):
            await connection.execute(
                sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(table, FITS)
            )

    @asynccontextmanager
    async def _transaction(
        self, lock_timeout: str
    ) -> AsyncIterator[tuple[AsyncTransaction, psycopg.AsyncConnection[Any]]]:
        async with self._engine.connect() as outer, outer.begin() as transaction:
            await outer.exec_driver_sql(f"SET LOCAL lock_timeout = '{lock_timeout}'")
            yield transaction, await driver_connection(outer)


async def _leaves(connection: psycopg.AsyncConnection[Any]) -> defaultdict[str, list[Leaf]]:
    found: defaultdict[str, list[Leaf]] = defaultdict(list)
    cursor = await connection.execute(LEAVES)
    for parent, table, bound, size in await cursor.fetchall():
        retention_class = parent.removeprefix(_PARENT_PREFIX)
        if match := _RANGE.fullmatch(bound):
            start = _moment(match["start"]) if match["start"] else BEGINNING
            end = _moment(match["end"])
            found[retention_class].append(Leaf(retention_class, start, end, table, size))
    return found


async def _is_still_due(connection: psycopg.AsyncConnection[Any], change: PartitionChange) -> bool:
    """Whether the leaves are still those that the change was planned for: another one, of the job or of a
    replica, may have been made since."""
    leaves = await _leaves(connection)
    names = {leaf.name for leaf in leaves[change.leaf.retention_class]}
    sources = {source.name for source in change.sources}
    return names >= sources and (change.leaf.name in names) == (change.leaf.name in sources)


async def _apply(connection: psycopg.AsyncConnection[Any], change: PartitionChange) -> bool:
    leaf = change.leaf
    parent = sql.Identifier("enrich", f"{_PARENT_PREFIX}{leaf.retention_class}")
    target = sql.Identifier("enrich", leaf.name)
    if not await _lock(connection, change, parent):
        return False
    names = [source.name for source in change.sources]
    for name in names:
        await connection.execute(
            sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(
                parent, sql.Identifier("enrich", name)
            )
        )
    if leaf.name not in names:
        await connection.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) WITH ({})").format(
                target, parent, sql.SQL(LEAF_SETTINGS)
            )
        )
        await connection.execute(without_statistics(target, events))
        # Under whatever role this runs: only its owner can change it later.
        await connection.execute(
            sql.SQL("ALTER TABLE {} OWNER TO {}").format(target, sql.Identifier(OWNER))
        )
    columns = sql.SQL(", ").join(map(sql.Identifier, EVENT_COLUMNS))
    for name in names:
        if name != leaf.name:
            source = sql.Identifier("enrich", name)
            await connection.execute(
                sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {}").format(
                    target, source, columns=columns
                )
            )
            await connection.execute(sql.SQL("DROP TABLE {}").format(source))
    await connection.execute(
        sql.SQL(
            "WITH moved AS (DELETE FROM {} WHERE {} RETURNING *)"
            " INSERT INTO {} ({columns}) SELECT {columns} FROM moved"
        ).format(_default(leaf), _in_time_of(leaf), target, columns=columns)
    )
    await connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent,
            target,
            sql.SQL("MINVALUE") if leaf.start == BEGINNING else sql.Literal(leaf.start),
            leaf.end,
        )
    )
    await connection.execute(
        sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(target, FITS)
    )
    return True


async def _lock(
    connection: psycopg.AsyncConnection[Any], change: PartitionChange, parent: sql.Composable
) -> bool:
    """Takes the locks for a change; False if they turn out not to be enough.

    Rows move only under a lock on the whole class: a query that had found its leaves already, and waited
    for one of them, would miss the rows that were moved meanwhile. A new leaf for no rows needs less.
    """
    has_rows = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
        _default(change.leaf), _in_time_of(change.leaf)
    )
    moves = bool(change.sources) or await _is_true(connection, has_rows)
    # Before that of any leaf: a transaction that holds one of those has this one already, and would
    # wait for this one.
    mode = sql.SQL("ACCESS EXCLUSIVE" if moves else "SHARE UPDATE EXCLUSIVE")
    await connection.execute(sql.SQL("LOCK TABLE ONLY {} IN {} MODE").format(parent, mode))
    # Nothing may be added to the default leaf until the new one is attached.
    await connection.execute(
        sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_default(change.leaf))
    )
    return moves or not await _is_true(connection, has_rows)


async def _is_true(
    connection: psycopg.AsyncConnection[Any], question: sql.SQL | sql.Composed
) -> bool:
    row = await (await connection.execute(question)).fetchone()
    return bool(row and row[0])


def _default(leaf: Leaf) -> sql.Composable:
    return sql.Identifier("enrich", default_leaf(leaf.retention_class))


def _in_time_of(leaf: Leaf) -> sql.Composed:
    before = sql.SQL("occurred_at < {}").format(leaf.end)
    if leaf.start == BEGINNING:
        return before
    return sql.SQL("occurred_at >= {} AND ").format(leaf.start) + before


def _moment(text: str) -> datetime:
    """A timestamp as Postgres prints it, with the offset of the session's time zone."""
    return datetime.fromisoformat(text).astimezone(UTC)

"""Events past their limit in Postgres: a short transaction for each partition and for some rows at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.postgres import driver_connection
from libs.streams.day_only import SAYS_DAY_ONLY
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.retention.limits import Limit
from services.enrich.retention.removal import Overdue, Span

ROWS_AT_A_TIME = 5_000
# The events of a limit.
PAST: LiteralString = """
    retention_class = ANY(%(classes)s) AND occurred_at < %(before)s
    AND (%(app_id)s::text IS NULL OR app_id = %(app_id)s)
    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s))
    AND (%(level)s::text IS NULL OR privacy_level = %(level)s)
"""
# Of a counts-only event only the day is known on which it was received: it is counted if all of that is.
_COUNTED: LiteralString = f"""
    (received_at < %(counted)s AND (received_at + interval '1 day' <= %(counted)s
        OR NOT ({SAYS_DAY_ONLY})))
"""
# Of those, the ones that may go: neither late nor uncounted.
DUE: LiteralString = f"received_at < %(today)s AND {_COUNTED}"
# What is not known to be counted is not: the comparison may be NULL.
_OVERDUE: LiteralString = f"""
    SELECT relname, retention_class, app_id, count(*) FILTER (WHERE received_at < %(today)s),
        min(occurred_at) FILTER (WHERE received_at < %(today)s),
        count(*) FILTER (WHERE received_at < %(today)s AND {_COUNTED} IS NOT TRUE),
        count(*) FILTER (WHERE received_at >= %(today)s)
    FROM enrich.events JOIN pg_class ON pg_class.oid = events.tableoid
    WHERE {PAST} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_DELETE: LiteralString = f"""
    DELETE FROM {{leaf}} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM {{leaf}} WHERE {PAST} AND app_id = ANY(%(apps)s)
            AND {DUE}
        LIMIT %(limit)s
    ))
"""


class PostgresExpiredEvents:
    """Implements `removal.ExpiredEvents`. A run that dies has removed some of them; the next one goes on."""

    def __init__(self, engine: AsyncEngine, partitions: PostgresPartitionStore) -> None:
        self._engine = engine
        self._partitions = partitions

    async def overdue(self, limit: Limit, span: Span) -> list[Overdue]:
        """See the port."""
        async with self._engine.connect() as outer:
            connection = await driver_connection(outer)
            cursor = await connection.execute(_OVERDUE, parameters_of(limit, span))
            return [Overdue(*row) for row in await cursor.fetchall()]

    async def drop(
        self, retention_class: str, leaf: str, before: datetime, keeping: Sequence[str]
    ) -> int | None:
        """See the port. Raises psycopg.errors.LockNotAvailable if the class is too busy."""
        for found in (await self._partitions.leaves()).get(retention_class, ()):
            if found.name == leaf and found.end <= before:
                return await self._partitions.drop(found, keeping)
        return None

    async def delete(self, limit: Limit, leaf: str, apps: Sequence[str], span: Span) -> int:
        """See the port. From the leaf, because enrich owns leaves alone."""
        parameters = {**parameters_of(limit, span), "apps": list(apps)}
        deleted = 0
        try:
            while found := await self._delete_some(leaf, parameters):
                deleted += found
        except psycopg.errors.UndefinedTable:
            # Merged meanwhile, or dropped by another run: the next one finds what is left.
            pass
        return deleted

    async def _delete_some(self, leaf: str, parameters: dict[str, object]) -> int:
        statement = sql.SQL(_DELETE).format(leaf=sql.Identifier("enrich", leaf))
        async with self._engine.connect() as outer, outer.begin():
            connection = await driver_connection(outer)
            # So that SQLAlchemy begins its transaction.
            await outer.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
            cursor = await connection.execute(statement, {**parameters, "limit": ROWS_AT_A_TIME})
            return cursor.rowcount


def parameters_of(limit: Limit, span: Span) -> dict[str, object]:
    """What `PAST` and a span's conditions name."""
    return {
        "today": span.today,
        "counted": span.counted_before,
        "classes": list(limit.classes),
        "before": limit.before,
        "app_id": limit.app_id,
        "names": None if limit.names is None else list(limit.names),
        "level": limit.level,
    }

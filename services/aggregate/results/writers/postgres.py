"""Keeps an erasure and those who write results apart, so that none writes what the erasure has removed.

A writer sees one state of the cells, which may be one with the person. So the erasure waits for those that
are at work, and others begin after it. Both lock a table, and take no advisory lock: asking for that would
be the transaction's first query, and would take the snapshot before the lock is there.
"""

import psycopg
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.errors import Unavailable

# Writers wait behind what waits for the lock: not for long.
_WAIT_SECONDS = 5
_LIMIT = text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'")
_NO_LIMIT = text("SET LOCAL lock_timeout = DEFAULT")
# As each statement locks it that writes; others may write as well.
_JOIN = text("LOCK TABLE aggregate.results IN ROW EXCLUSIVE MODE")
# Excludes itself, too. Who reads does not wait.
_EXCLUDE = text("LOCK TABLE aggregate.results IN SHARE ROW EXCLUSIVE MODE")


async def join_writers(connection: AsyncConnection) -> None:
    """First in a transaction that writes results: what it sees is of a moment at which no erasure is removing
    results."""
    await connection.execute(_JOIN)


async def exclude_writers(connection: AsyncConnection) -> None:
    """From the return until the transaction ends, no one writes results, and all that was written can be seen
    by its next statements. Raises Unavailable if a result takes long to write."""
    await connection.execute(_LIMIT)
    try:
        await connection.execute(_EXCLUDE)
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise Unavailable("a result is being written", retry_after_seconds=1) from error
        raise
    await connection.execute(_NO_LIMIT)

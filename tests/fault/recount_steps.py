"""Stops a recount at one of its steps (ADR 32), for as long as a test wants to have it there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from services.aggregate.counting.postgres import RECOUNT_LOCK
from tests.support.waiting import eventually

Connection = psycopg.Connection[tuple[object, ...]]
Reached = Callable[[], None]
STEPS = ("open", "read", "close", "clean")

_WAITS = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = %s AND NOT granted AND application_name = 'weir-aggregate-recount'
"""
# Members that a recount leaves behind cannot be deleted then.
_HOLD_MEMBERS = "SELECT 1 FROM aggregate.members FOR KEY SHARE"
_CELLS_MADE = "SELECT 1 FROM aggregate.made_cells"
_RECOUNTING = """
    SELECT 1 FROM aggregate.buckets WHERE dirty_mark IS NOT NULL UNION ALL SELECT 1 FROM aggregate.recounts
"""
# Each page has to lock the row.
_HOLD_RECOUNT = "SELECT 1 FROM aggregate.recounts FOR UPDATE"


@contextmanager
def stopped_at(database_url: str, step: str, ask: Callable[[], object]) -> Iterator[Reached]:
    """Lets a recount come no further than to one of `STEPS` inside the block: to where it is about to `open`;
    to where it has added some of what it has to `read`, and counting goes on; to the middle of the
    transaction of its `close`; to where readers see the new cells, and it is about to `clean` up.

    `ask` asks for a recount; what is yielded does so, and returns when one stands there.
    """
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url) as looking:
        looking.autocommit = True
        locktype = {"open": "advisory", "close": "relation", "clean": "transactionid"}.get(step)

        def stands() -> bool:
            if locktype is not None:
                return looking.execute(_WAITS, [locktype]).rowcount > 0
            if looking.execute(_CELLS_MADE).rowcount and holder.execute(_HOLD_RECOUNT).rowcount:
                return True
            holder.rollback()
            # It may have come to its end between two looks.
            if not looking.execute(_RECOUNTING).rowcount:
                ask()
            return False

        def reached() -> None:
            ask()
            eventually(stands)

        if step == "open":
            holder.execute(f"SELECT pg_advisory_xact_lock_shared({RECOUNT_LOCK})".encode())
        elif step == "close":
            holder.execute("LOCK TABLE aggregate.recounted_rollups IN SHARE MODE")
        elif step == "clean":
            holder.execute(_HOLD_MEMBERS)
        yield reached
        # Leaving the block ends the transaction that holds it up.

"""The keeper of partitions, until it has nothing left to do."""

import time

import psycopg

from services.enrich.partitions.keeper import PartitionKeeper
from tests.support.waiting import PATIENCE_SECONDS


async def finish(keeper: PartitionKeeper) -> None:
    """Makes and merges all; like the keeper's own loop it tries again while autovacuum holds a leaf."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    done = False
    while not done:
        try:
            done = await keeper.make_and_merge_once()
        except psycopg.errors.LockNotAvailable:
            assert time.monotonic() < deadline, "a leaf is never free"

"""Makes and merges the leaves of `enrich.events` by the plan, while events are stored."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from libs.catalog import RETENTION_CLASSES
from libs.common.clock import Clock, moment_of
from libs.runtime.loops import repeat
from libs.stores.postgres import POSTGRES_ERRORS
from services.enrich import metrics
from services.enrich.partitions.plan import (
    PartitionChange,
    current_leaves,
    next_change,
    wanted_leaves,
)
from services.enrich.partitions.postgres import PostgresPartitionStore

# How soon events that found no leaf get one.
INTERVAL_SECONDS = 1.0


class PartitionKeeper:
    """Makes leaves ahead of time, and merges those that have become older than their class is kept.

    The loop looks at all classes when it starts, and as soon as events lie in a default leaf, which a
    job could not do within a second. What only time makes due is the job's, `make_and_merge`. Between two
    merges both pause, because a merge makes the writers of its class wait.
    """

    def __init__(
        self, store: PostgresPartitionStore, clock: Clock, pause_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._store = store
        self._clock = clock
        self.pause_seconds = pause_seconds
        self._started = False
        # Classes whose default leaf holds only events of the far future, which get no leaf yet.
        self._settled: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set; tries again while Postgres is away or a class is busy."""
        await repeat(
            self.make_and_merge_once,
            self.pause_seconds,
            stop,
            transient=POSTGRES_ERRORS,
            warning="partitions wait",
        )

    async def make_and_merge_once(self) -> bool:
        """Makes all leaves that are missing, and at most one merge; after the first time only if events lie
        in a default leaf. Returns whether all is done.

        Raises what Postgres raises.
        """
        now = self._now()
        in_default = await self._store.classes_in_default()
        if self._started and in_default <= self._settled:
            return True
        while change := await self._next_change(now, in_default):
            if not await self._store.apply(change) or change.sources:
                return False
        self._started = True
        self._settled = await self._store.classes_in_default()
        return True

    async def make_and_merge(self) -> Mapping[str, int]:
        """Makes all leaves that are missing and all merges; how many leaves were `made` and `merged`.

        Leaves are made a week ahead, so it is enough to do this every hour. Raises what Postgres raises.
        """
        now, made, merged = self._now(), 0, 0
        while change := await self._next_change(now, await self._store.classes_in_default()):
            applied = await self._store.apply(change)
            if applied:
                made, merged = made + (not change.sources), merged + len(change.sources)
            if change.sources or not applied:
                await asyncio.sleep(self.pause_seconds)
        return {"made": made, "merged": merged}

    async def _next_change(
        self, now: datetime, in_default: Collection[str]
    ) -> PartitionChange | None:
        leaves = await self._store.leaves()
        metrics.PARTITIONS.set(sum(map(len, leaves.values())) + len(RETENTION_CLASSES))
        changes = []
        for name in RETENTION_CLASSES:
            existing = leaves.get(name, ())
            # By file sizes, because a query would lock every leaf, and there may be too many for that.
            in_use = name in in_default or any(leaf.size_bytes for leaf in existing)
            wanted = (wanted_leaves if in_use else current_leaves)(name, now)
            if change := next_change(existing, wanted):
                changes.append(change)
        # Missing leaves are made before any are merged.
        return min(changes, key=lambda change: len(change.sources) > 0, default=None)

    def _now(self) -> datetime:
        return moment_of(self._clock.now_us())

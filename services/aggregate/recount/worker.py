"""Recounts dirty buckets, the newest first, in one of the replicas."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set

import structlog

from libs.catalog import Catalogs
from libs.common.clock import Clock, moment_of
from libs.runtime.loops import pause, until_stopped
from services.aggregate import metrics
from services.aggregate.counting.definitions import RollupKey
from services.aggregate.plan_lookup import current_plans
from services.aggregate.recount.model import DirtyBucket, PostponedError
from services.aggregate.recount.ports import DirtyBuckets, Turns
from services.aggregate.recount.recounter import Recounter
from services.aggregate.recount.units import newest_unit
from services.aggregate.sealing import recounted_from

log = structlog.get_logger()
# Looked at in one go: a unit is made of what is found.
_DIRTY_AT_ONCE = 5_000
_INTERVAL_SECONDS = 5.0


class RecountWorker:
    """One replica's part: it recounts if no other one does."""

    def __init__(
        self,
        catalogs: Catalogs,
        dirty: DirtyBuckets,
        turns: Turns,
        recounter: Recounter,
        clock: Clock,
        adopt: Callable[[], Awaitable[Set[RollupKey]]],
        transient: tuple[type[Exception], ...],
    ) -> None:
        """`adopt` marks what changed catalogs change, and says which rollups are to be counted as they are
        declared here; `transient`: what the stores raise while they are away."""
        self._catalogs = catalogs
        self._dirty = dirty
        self._turns = turns
        self._recounter = recounter
        self._clock = clock
        self._adopt = adopt
        self._transient = transient
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Has it look for dirty buckets at once."""
        self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Recounts until `stop` is set; a recount that is under way then is abandoned."""
        while not stop.is_set():
            await until_stopped(self._try(), stop)
            await pause(stop, _INTERVAL_SECONDS, self._asked)
            self._asked.clear()

    async def _try(self) -> None:
        try:
            await self._adopt()
            await self.work()
        except PostponedError as error:
            metrics.POSTPONED_RECOUNTS.inc()
            log.info("a recount is postponed", reason=str(error))
        except self._transient as error:
            log.warning("recounting failed and will be tried again", error=type(error).__name__)

    async def work(self) -> int:
        """Recounts until no bucket of the catalogs in use is dirty; how many units. 0 if another replica does
        so. Raises PostponedError, and what the stores raise."""
        if not await self._turns.is_work_left():
            return 0
        async with self._turns.turn() as is_ours:
            if not is_ours:
                return 0
            await self._turns.abandon_all()
            units = 0
            while dirty := await self._newest():
                app_id = dirty[0].app_id
                plan = current_plans(self._catalogs)[app_id]
                unit = newest_unit(plan.rollups, dirty)
                events = await self._recounter.recount(unit, plan)
                units += 1
                metrics.RECOUNTED_EVENTS.labels(app_id).inc(events)
            await self._turns.clean()
            return units

    async def _newest(self) -> Sequence[DirtyBucket]:
        """Dirty buckets of the app that has the newest one. What has been sealed or has expired meanwhile is
        left as it is: a recount would lack events. What another replica's catalog declares is left to that
        one."""
        catalogs = self._catalogs.current.catalogs
        now = moment_of(self._clock.now_us())
        while True:
            declared = [(app_id, name) for app_id, one in catalogs.items() for name in one.rollups]
            marked = await self._dirty.newest(declared, _DIRTY_AT_ONCE)
            # In this order: a rollup whose change has marked a bucket is not adopted as before.
            ours = await self._adopt()
            dirty = [one for one in marked if (one.app_id, one.rollup) in ours]
            sealed = []
            for one in dirty:
                catalog = catalogs[one.app_id]
                begin = recounted_from(catalog, catalog.rollups[one.rollup], now)
                if begin is not None and one.start < begin:
                    sealed.append(one.mark)
            if not sealed:
                return [one for one in dirty if one.app_id == dirty[0].app_id]
            log.warning("buckets are too old to be recounted", buckets=len(sealed))
            await self._dirty.unmark(sealed)

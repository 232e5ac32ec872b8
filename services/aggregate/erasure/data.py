"""What aggregate holds about a person: numbers in which the person is counted, members, results, gauges."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.catalog import Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.subject_data import Erasure, Export, HeldRows, Progress, SubjectRef
from libs.stores.erasure_journal import ErasureEntry, ErasureJournal
from libs.stores.redis_client import RedisClient
from libs.streams.positions import redis_now
from libs.streams.quarantine_erasure import QuarantineErasure
from libs.streams.watermark import WatermarkMeter
from services.aggregate.erasure.changed_buckets import ChangedBuckets
from services.aggregate.erasure.fences import CountingFences
from services.aggregate.erasure.left_early import left_early, limits
from services.aggregate.erasure.postgres import (
    forget_in_cells,
    forget_in_results,
    next_cells,
    open_buckets_with,
)
from services.aggregate.erasure.redis import leave_gauges
from services.aggregate.recount.model import Reason
from services.aggregate.subject_rows.postgres import SubjectRows

MEMBERS, CELLS = "aggregate.members", "aggregate.cells"
RESULTS, GAUGES = "aggregate.result_cells", "aggregate.gauges"


class AggregateSubjectData:
    """Implements `libs.common.subject_data.SubjectData`.

    Buckets whose events are still stored are counted again without the person. The others are final and stay:
    they lose the rows that name the person.
    """

    def __init__(
        self,
        catalogs: Catalogs,
        engine: AsyncEngine,
        changed: ChangedBuckets,
        redis: RedisClient,
        meter: WatermarkMeter,
        clock: Clock,
        rows: SubjectRows,
        fences: CountingFences,
        quarantine: QuarantineErasure,
    ) -> None:
        self._catalogs = catalogs
        self._engine = engine
        self._changed = changed
        self._redis = redis
        self._meter = meter
        self._clock = clock
        self._rows = rows
        self._fences = fences
        self._quarantine = quarantine
        self._journal = ErasureJournal("aggregate")

    async def fence(self, subject: SubjectRef, fenced_at: datetime) -> datetime:
        """See the port. For what enrich has stored, and may be put back from quarantine."""
        await self._fences.add(subject, fenced_at)
        return await redis_now(self._redis)

    async def settled(self, appended_before: datetime) -> bool:
        """See the port."""
        return self._meter.counted(appended_before)

    async def erase(self, erasure: Erasure) -> Progress:
        """See the port. After the events are gone: what is counted again is counted without them."""
        if erasure.names is None:
            await self._fences.add_missing(erasure.subject, erasure.fenced_at)
        async with self._engine.begin() as connection:
            entry = await self._journal.open(connection, erasure.request_id)
            for store in (MEMBERS, CELLS, RESULTS, GAUGES):
                entry.add(store)
            done = await self._quarantine.erase(erasure, entry) and await self._step(
                connection, erasure, entry
            )
            await self._journal.save(connection, entry)
        return Progress(done, entry.counts(), entry.changed)

    def export(self, export: Export) -> AsyncIterator[HeldRows]:
        """See the port."""
        return self._rows.read(export)

    async def _step(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> bool:
        position = entry.position
        if not position.get("recounted"):
            app_id = erasure.subject.app_id
            if not await self._changed.are_recounted(
                app_id, erasure.changed, is_marked=position.get("marked", False)
            ):
                position["marked"] = True
                return False
            position["recounted"] = True
        if erasure.names is not None:
            # Of what was final, no row says of which events it was made.
            return True
        if not position.get("cells_done"):
            await self._forget_cells(connection, erasure, entry)
            return False
        if position.get("left_early"):
            if await self._left_early_is_recounted(erasure, entry):
                # Once more: some may have been sealed before they were counted again.
                del position["left_early"], position["cells_done"], position["cells_after"]
                position["left_early_gone"] = True
            return False
        entry.add(RESULTS, erased=await forget_in_results(connection, erasure.subject))
        subject = erasure.subject
        entry.add(GAUGES, erased=await leave_gauges(self._redis, subject.app_id, subject.persons))
        return True

    async def _forget_cells(
        self, connection: AsyncConnection, erasure: Erasure, entry: ErasureEntry
    ) -> None:
        subject = erasure.subject
        after = UUID(entry.position.get("cells_after") or str(UUID(int=0)))
        cells = await next_cells(connection, subject.app_id, after)
        if not cells:
            entry.position["cells_done"] = True
            return
        catalog = self._catalogs.current.catalogs.get(subject.app_id)
        now = moment_of(self._clock.now_us())
        of_rollups = limits(catalog, erasure, now) if catalog else {}
        members, hidden = await forget_in_cells(connection, subject, cells, of_rollups)
        entry.add(MEMBERS, erased=members)
        entry.add(CELLS, erased=hidden)
        if catalog is not None and not entry.position.get("left_early_gone"):
            naming = await open_buckets_with(connection, subject, cells, of_rollups)
            recounted = set(self._changed.of_days(subject.app_id, erasure.changed))
            known = map(tuple, entry.position.get("left_early", ()))
            found = left_early(catalog, erasure, naming, recounted)
            entry.position["left_early"] = sorted({*known, *found})
        entry.position["cells_after"] = str(cells[-1])

    async def _left_early_is_recounted(self, erasure: Erasure, entry: ErasureEntry) -> bool:
        app_id = erasure.subject.app_id
        catalog = self._catalogs.current.catalogs.get(app_id)
        declared = catalog.rollups if catalog else ()
        # No other is counted again.
        buckets = [
            (app_id, rollup, start)
            for rollup, start in entry.position["left_early"]
            if rollup in declared
        ]
        is_marked = entry.position.get("left_early_marked", False)
        entry.position["left_early_marked"] = True
        return await self._changed.recounted(
            app_id, buckets, is_marked=is_marked, reason=Reason.ERASED
        )

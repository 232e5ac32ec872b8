"""ListRollups and BackfillRollups: what is to be counted again, and what state that leaves."""

from collections.abc import Callable
from datetime import datetime, timedelta

from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import recount_pb2

from libs.catalog import Catalogs, Period
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from services.aggregate.buckets import bucket_start, seconds_since_epoch
from services.aggregate.convert import period_number, time_range
from services.aggregate.dirty.choice import FIRST_SECOND, LAST_SECOND, chosen_buckets
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.expiry.kept import kept_from
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.recount.model import Reason
from services.aggregate.rollups.completeness import final_until
from services.aggregate.sealing import sealed_before


class Backfills:
    """Answers `weir.aggregate.v1.AggregateService/ListRollups` and `BackfillRollups`."""

    def __init__(
        self,
        catalogs: Catalogs,
        dirty: PostgresDirtyBuckets,
        clock: Clock,
        watermark: Callable[[], datetime | None],
        marked: Callable[[], None],
    ) -> None:
        """`watermark`: see `libs.streams.watermark.WatermarkMeter.current`; `marked` is called when there is
        something to recount."""
        self._catalogs = catalogs
        self._dirty = dirty
        self._clock = clock
        self._watermark = watermark
        self._marked = marked

    async def backfill(
        self, request: recount_pb2.BackfillRollupsRequest
    ) -> recount_pb2.BackfillRollupsResponse:
        """Marks buckets. Raises AppUnknown, NotFound, InvalidArgument."""
        snapshot = self._catalogs.current
        app = plan_of(snapshot, request.app_id)
        for name in request.rollups:
            rollup_of(app, name)
        catalog = catalog_of(snapshot, request.app_id)
        now = moment_of(self._clock.now_us())
        # Longer buckets begin on full hours as well.
        start, end = time_range(request, Period.HOUR)
        last = LAST_SECOND if end is None else seconds_since_epoch(end)
        names = sorted(set(request.rollups or catalog.rollups))
        firsts = {
            name: FIRST_SECOND
            if start is None
            else bucket_start(catalog.rollups[name].period, seconds_since_epoch(start))
            for name in names
        }
        days = await self._dirty.used_days(
            request.app_id,
            {name: catalog.rollups[name].events for name in names},
            min(firsts.values(), default=FIRST_SECOND),
            last,
        )
        response = recount_pb2.BackfillRollupsResponse()
        for name in names:
            chosen = chosen_buckets(catalog, name, days[name], firsts[name], last, now)
            if chosen.buckets:
                await self._dirty.mark(chosen.buckets, Reason.ASKED)
            response.buckets_marked += len(chosen.buckets)
            response.buckets_sealed += chosen.sealed
        self._marked()
        return response

    async def list(self, request: pb.ListRollupsRequest) -> pb.ListRollupsResponse:
        """The rollups. Raises AppUnknown."""
        snapshot = self._catalogs.current
        plan = plan_of(snapshot, request.app_id)
        catalog = catalog_of(snapshot, request.app_id)
        now = moment_of(self._clock.now_us())
        lateness = timedelta(seconds=catalog.clock.lateness_seconds)
        until = final_until(self._watermark(), lateness).moment
        dirty = await self._dirty.counts(request.app_id)
        response = pb.ListRollupsResponse()
        for name, rollup in sorted(catalog.rollups.items()):
            found = response.rollups.add(
                rollup=name,
                period=period_number(rollup.period),
                dimensions=plan.rollups[name].dimension_names,
                metrics=[metric.name for metric in plan.rollups[name].metrics],
                dirty_buckets=dirty.get(name, 0),
                retention_days=rollup.cell_retention_days or 0,
            )
            if until is not None:
                found.final_until.FromDatetime(until)
            sealed = sealed_before(catalog, rollup, now)
            if sealed is not None:
                found.sealed_before.FromDatetime(sealed)
            kept = kept_from(rollup.period, rollup.cell_retention_days, now)
            if kept is not None:
                found.kept_from.FromDatetime(kept)
        return response

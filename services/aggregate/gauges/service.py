"""QueryGauges and WatchGauges: how many are there now."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from weir.aggregate.v1 import gauge_pb2

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import Unavailable
from libs.runtime.loops import pause
from services.aggregate.gauges.convert import gauge_message, wanted_group
from services.aggregate.gauges.plan import GaugePlan, GroupKey
from services.aggregate.gauges.presence import PresenceReader
from services.aggregate.gauges.shared_reads import SharedReads
from services.aggregate.live.pace import pause_seconds
from services.aggregate.live.watchers import Watchers
from services.aggregate.plan import AppPlan
from services.aggregate.plan_lookup import gauges_of, plan_of
from services.aggregate.read_slots import ReadSlots
from services.aggregate.suppression.convert import least_people
from services.aggregate.suppression.presence import one_group
from services.aggregate.suppression.tables import NO_LIMIT


class GaugeQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryGauges` and `/WatchGauges`."""

    def __init__(
        self,
        catalogs: Catalogs,
        reader: PresenceReader,
        watchers: Watchers,
        slots: ReadSlots,
        clock: Clock,
        watermark: Callable[[], datetime | None],
        interval_seconds: float,
    ) -> None:
        """`watermark`: see `libs.streams.watermark.WatermarkMeter.current`. `slots` are for calls of
        QueryGauges: each has Redis look through a gauge's groups, and watchers share one look. Watchers are
        sent what changed every `interval_seconds`, and less often if there are many."""
        self._catalogs = catalogs
        self._reader = reader
        self._shared = SharedReads(reader, clock, watermark, gauge_message, interval_seconds)
        self._watchers = watchers
        self._slots = slots
        self._clock = clock
        self._watermark = watermark
        self._interval_seconds = interval_seconds
        self._draining = asyncio.Event()

    async def query(self, request: gauge_pb2.QueryGaugesRequest) -> gauge_pb2.QueryGaugesResponse:
        """The gauges now. Raises AppUnknown, NotFound, InvalidArgument, LimitExceeded; Unavailable if one is
        incomplete."""
        snapshot = self._catalogs.current
        app = plan_of(snapshot, request.app_id)
        least = least_people(catalog_of(snapshot, request.app_id))
        plans = gauges_of(app, request.gauges)
        group: GroupKey | None = wanted_group(request, plans)
        async with self._slots.hold():
            # Before it is read: what the watermark promises is in what was read.
            watermark, moment = self._watermark(), moment_of(self._clock.now_us())
            # Whether a group is shown depends on all of them.
            read = group if least == NO_LIMIT else None
            found = await self._reader.read(app.app_id, [(plan, read) for plan in plans])
        if group is not None and least != NO_LIMIT:
            found = [one_group(one, group, least) if one else None for one in found]
        return gauge_pb2.QueryGaugesResponse(
            readings=[
                gauge_message(plan, presence, moment, watermark, least)
                for plan, presence in zip(plans, found, strict=True)
            ]
        )

    async def watch(
        self, request: gauge_pb2.WatchGaugesRequest
    ) -> AsyncGenerator[gauge_pb2.WatchGaugesResponse, None]:
        """The messages of one watcher. Raises AppUnknown, NotFound, LimitExceeded; Unavailable when a gauge
        is incomplete, and when the service drains."""
        names = list(request.gauges)
        app = plan_of(self._catalogs.current, request.app_id)
        gauges_of(app, names)
        with self._watchers.hold(app.app_id, frozenset(names)):
            sent: dict[str, object] = {}
            first = True
            while not self._draining.is_set():
                # Once more each time: the catalog may have changed.
                snapshot = self._catalogs.current
                app = plan_of(snapshot, request.app_id)
                least = least_people(catalog_of(snapshot, request.app_id))
                readings = await self._changes(app, gauges_of(app, names), sent, least)
                if readings or first:
                    yield gauge_pb2.WatchGaugesResponse(readings=readings)
                first = False
                seconds = pause_seconds(self._interval_seconds, len(self._watchers.all()))
                await pause(self._draining, seconds)
        raise Unavailable(
            "the service is draining; open a new stream",
            reason="DRAINING",
            retry_after_seconds=1.0,
        )

    def drain(self) -> None:
        """Ends all streams."""
        self._draining.set()

    async def _changes(
        self, app: AppPlan, plans: Sequence[GaugePlan], sent: dict[str, object], least: int
    ) -> list[gauge_pb2.GaugeReading]:
        read = await self._shared.read(app)
        readings = []
        for plan in plans:
            presence = read.presences[plan.gauge.name]
            if presence is None or presence != sent.get(plan.gauge.name):
                readings.append(read.message(plan, least))
                sent[plan.gauge.name] = presence
        return readings

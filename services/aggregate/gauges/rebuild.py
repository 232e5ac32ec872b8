"""Makes incomplete gauges again, from the stored events.

Meanwhile counting goes on noting: as only the latest moment of each counts, it does not matter which of
the two comes first, nor that both note the same.
"""

import asyncio
from collections.abc import Sequence

import structlog

from libs.catalog import Catalogs
from libs.common.clock import Clock
from libs.runtime.loops import repeat
from services.aggregate.gauges.plan import GaugePlan
from services.aggregate.gauges.presence import PresenceNotes, PresenceRebuilds, StoredSigns
from services.aggregate.plan_lookup import current_plans

log = structlog.get_logger()
_LOOK_SECONDS = 1.0


class GaugeRebuilds:
    """Looks for incomplete gauges, and makes them again."""

    def __init__(
        self,
        catalogs: Catalogs,
        rebuilds: PresenceRebuilds,
        notes: PresenceNotes,
        stored: StoredSigns,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._rebuilds = rebuilds
        self._notes = notes
        self._stored = stored
        self._clock = clock
        # By app, name and definition.
        self._taken_up: frozenset[tuple[str, str, str]] = frozenset()

    async def keep(self, stop: asyncio.Event, transient: tuple[type[Exception], ...]) -> None:
        """Lets the gauges of the catalogs be read on, every second until `stop` is set; a rebuild may take
        much longer."""
        await repeat(
            self.renew,
            _LOOK_SECONDS,
            stop,
            transient=transient,
            warning="gauges will have to be rebuilt",
        )

    async def run(self, stop: asyncio.Event, transient: tuple[type[Exception], ...]) -> None:
        """Looks every second until `stop` is set; after a `transient` error it tries again."""
        await repeat(
            self.look,
            _LOOK_SECONDS,
            stop,
            transient=transient,
            warning="gauges cannot be rebuilt",
        )

    async def renew(self) -> None:
        """Lets the gauges of the catalogs be read on, and takes up those that are new to this process."""
        plans = {(plan.app_id, plan.gauge.name, plan.definition): plan for plan in self._plans()}
        await self._rebuilds.take_up([plans[key] for key in plans.keys() - self._taken_up])
        self._taken_up = frozenset(plans)
        await self._rebuilds.renew(list(plans.values()))

    async def look(self) -> Sequence[GaugePlan]:
        """Makes all incomplete gauges again that no other process is at; returns those that it
        could."""
        lacking = await self._rebuilds.lacking(self._plans())
        return [plan for plan in lacking if await self._rebuild_one(plan)]

    def _plans(self) -> Sequence[GaugePlan]:
        apps = current_plans(self._catalogs).values()
        return [plan for app in apps for plan in app.gauges.values()]

    async def _rebuild_one(self, plan: GaugePlan) -> bool:
        rebuild = await self._rebuilds.begin(plan)
        if rebuild is None:
            return False
        async for signs in self._stored.read(plan, self._clock.now_us()):
            await self._notes.note([signs])
            if not await rebuild.go_on():
                return False
        done = await rebuild.finish()
        if done:
            log.info("a gauge was rebuilt", app=plan.app_id, gauge=plan.gauge.name)
        return done

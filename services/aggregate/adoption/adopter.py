"""Adopts the definitions of rollups in the catalogs in use, and marks what they change."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from libs.catalog import Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from services.aggregate import metrics
from services.aggregate.adoption.definition import Adopted, adoption, counts_all, is_retired
from services.aggregate.adoption.ports import Definitions, Marks
from services.aggregate.counting.definitions import Definition, RollupKey, definitions
from services.aggregate.dirty.choice import FIRST_SECOND, LAST_SECOND, chosen_buckets
from services.aggregate.plan_lookup import current_plans
from services.aggregate.recount.model import Reason

log = structlog.get_logger()


class Adopter:
    """One replica's part: safe to run in all of them at a time, and to repeat."""

    def __init__(
        self, catalogs: Catalogs, definitions: Definitions, marks: Marks, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._definitions = definitions
        self._marks = marks
        self._clock = clock
        # What this process has seen adopted.
        self._ours: dict[RollupKey, Definition] = {}

    async def adopt(self) -> frozenset[RollupKey]:
        """Adopts what has changed, and marks the buckets that this changes; the rollups that are adopted as
        the catalogs here declare them. Raises what the stores raise."""
        catalogs = self._catalogs.current.catalogs
        plans = current_plans(self._catalogs)
        declared = {
            key: found for plan in plans.values() for key, found in definitions(plan).items()
        }
        now = moment_of(self._clock.now_us())
        adopted = await self._adopted()
        retired = [
            key
            for key, found in adopted.items()
            if key not in declared and is_retired(found, was_ours=key in self._ours, now=now)
        ]
        if retired:
            await self._definitions.retire(retired)
            log.info("rollups are retired", rollups=sorted(".".join(key) for key in retired))
        if await self._change(declared, adopted, now):
            adopted = await self._adopted()
        # Of another replica's catalog this one may not know the rollups.
        ours = {key: one for key, one in adopted.items() if declared.get(key) == one.definition}
        counted = {key for key, one in adopted.items() if one.retired_at is None}
        metrics.CATALOGS_DISAGREE.set(len((counted | declared.keys()) - ours.keys()))
        for key, found in ours.items():
            self._ours[key] = found.definition
            await self._mark(catalogs[key[0]], key, found, now)
        return frozenset(ours)

    async def _adopted(self) -> Mapping[RollupKey, Adopted]:
        """Those of the apps that this process knows."""
        apps = self._catalogs.current.catalogs
        found = await self._definitions.read()
        return {key: one for key, one in found.items() if key[0] in apps}

    async def _change(
        self,
        declared: Mapping[RollupKey, Definition],
        adopted: Mapping[RollupKey, Adopted],
        now: datetime,
    ) -> bool:
        known_apps = {app_id for app_id, _ in adopted}
        changed = []
        for key, definition in sorted(declared.items(), key=lambda item: item[0]):
            one = adoption(
                key,
                definition,
                adopted.get(key),
                is_first=key[0] not in known_apps,
                was_ours=self._ours.get(key) == definition,
                now=now,
            )
            if one is not None:
                changed.append(one)
        if changed:
            await self._definitions.adopt(changed)
            rollups = sorted(".".join(one.key) for one in changed)
            log.info("definitions of rollups are adopted", rollups=rollups)
        return bool(changed)

    async def _mark(self, catalog: Catalog, key: RollupKey, found: Adopted, now: datetime) -> None:
        """Marks what an adoption has left to be marked."""
        if found.pending is None:
            return
        app_id, rollup = key
        days = await self._marks.days_of(
            app_id, rollup, found.pending, with_cells=counts_all(found.pending, found.definition)
        )
        chosen = chosen_buckets(catalog, rollup, days, FIRST_SECOND, LAST_SECOND, now)
        if chosen.buckets:
            await self._marks.mark(chosen.buckets, Reason.DECLARED)
            log.info("a rollup is counted again", app=app_id, rollup=rollup, days=len(days))
        await self._definitions.marked(key, found)

"""Has buckets counted again whose events were erased or changed, for erasures and rectifications."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs
from libs.common.clock import Clock, moment_of
from libs.stores.erasure_journal import ErasureJournal
from services.aggregate.buckets import moment
from services.aggregate.counting.generations import BucketKey
from services.aggregate.dirty.choice import FIRST_SECOND, LAST_SECOND, chosen_buckets
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.recount.model import Reason


class ChangedBuckets:
    """The buckets of days with changed events, but for those that are not recounted any more."""

    def __init__(
        self,
        catalogs: Catalogs,
        dirty: PostgresDirtyBuckets,
        clock: Clock,
        marked: Callable[[], None],
    ) -> None:
        """`marked` is called when there is something to recount."""
        self._catalogs = catalogs
        self._dirty = dirty
        self._clock = clock
        self._marked = marked

    async def are_recounted(
        self,
        app_id: str,
        changed: Mapping[str, Sequence[str]],
        *,
        is_marked: bool,
        reason: Reason = Reason.ERASED,
    ) -> bool:
        """Whether all buckets of these days, given by names of events, have been counted again. They are
        marked first, unless that was done: then they are not counted yet."""
        buckets = self.of_days(app_id, changed)
        return await self.recounted(app_id, buckets, is_marked=is_marked, reason=reason)

    async def recounted(
        self, app_id: str, buckets: Sequence[BucketKey], *, is_marked: bool, reason: Reason
    ) -> bool:
        """The same of these buckets of the app."""
        if not buckets:
            return True
        if not is_marked:
            await self._dirty.mark(buckets, reason)
            self._marked()
            return False
        starts: dict[str, set[datetime]] = {}
        for _, rollup, start in buckets:
            starts.setdefault(rollup, set()).add(moment(start))
        for rollup, found in starts.items():
            dirty = await self._dirty.of_rollup(app_id, rollup, min(found), None)
            if dirty & found:
                self._marked()
                return False
        return True

    def of_days(self, app_id: str, changed: Mapping[str, Sequence[str]]) -> Sequence[BucketKey]:
        """Those buckets."""
        catalog = self._catalogs.current.catalogs.get(app_id)
        if catalog is None:
            return []
        now = moment_of(self._clock.now_us())
        found: list[BucketKey] = []
        for name, rollup in catalog.rollups.items():
            days = {
                datetime.fromisoformat(day).replace(tzinfo=UTC)
                for event in rollup.events
                for day in changed.get(event, ())
            }
            if days:
                chosen = chosen_buckets(catalog, name, days, FIRST_SECOND, LAST_SECOND, now)
                found.extend(chosen.buckets)
        return found


class RecountOfChanged:
    """Implements `libs.common.rectification.ChangedNumbers`."""

    def __init__(self, engine: AsyncEngine, changed: ChangedBuckets) -> None:
        self._engine = engine
        self._changed = changed
        self._journal = ErasureJournal("aggregate")

    async def recount(
        self, app_id: str, request_id: UUID, changed: Mapping[str, Sequence[str]]
    ) -> bool:
        """See the port."""
        async with self._engine.begin() as connection:
            entry = await self._journal.open(connection, request_id)
            position = entry.position
            if not position.get("recounted"):
                position["recounted"] = await self._changed.are_recounted(
                    app_id,
                    changed,
                    is_marked=position.get("marked", False),
                    reason=Reason.CORRECTED,
                )
                position["marked"] = True
                await self._journal.save(connection, entry)
        return bool(position["recounted"])

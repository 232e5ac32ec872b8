"""Removes stored events that are past their limit: whole partitions if nothing in them is kept, else rows."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.catalog import Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.expiry import midnight
from services.enrich.retention.limits import NOT_COUNTED, Limit, limits, reason_to_keep


@dataclass(frozen=True, slots=True)
class Span:
    """Which events a run looks at: those received before `today` began. What comes later for a day that is
    past its limit is late, and due tomorrow. `counted_before`: everything received before it is counted; None
    if that is not known."""

    today: datetime
    counted_before: datetime | None


@dataclass(frozen=True, slots=True)
class Overdue:
    """Events of one leaf and app that are past a limit. `oldest`: when the first of them occurred, None if
    all are late; `uncounted` of the `events` are not counted yet, and `late` ones are none of them."""

    leaf: str
    retention_class: str
    app_id: str
    events: int
    oldest: datetime | None
    uncounted: int
    late: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Overdue events of one leaf with their limit, and why they stay: empty if the next run removes them."""

    overdue: Overdue
    days: int
    kept_because: str


class ExpiredEvents(Protocol):
    """See `postgres.PostgresExpiredEvents`."""

    async def overdue(self, limit: Limit, span: Span) -> Sequence[Overdue]:
        """The events past a limit."""
        ...

    async def drop(
        self, retention_class: str, leaf: str, before: datetime, keeping: Sequence[str]
    ) -> int | None:
        """Drops a leaf that holds nothing of `before` or later, nor of the apps in `keeping`; how many events
        it held. None if it holds any, or is another one by now, and nothing was dropped."""
        ...

    async def delete(self, limit: Limit, leaf: str, apps: Sequence[str], span: Span) -> int:
        """Deletes the counted events of these apps that are past the limit; how many."""
        ...


# Up to when everything that was received is counted; None if that is not known.
CountedBefore = Callable[[], Awaitable[datetime | None]]


class Removal:
    """Removes what is past its limit today, by the catalogs in use. Safe to repeat, to interrupt and to run
    twice at the same time."""

    def __init__(
        self,
        catalogs: Catalogs,
        events: ExpiredEvents,
        counted: CountedBefore,
        clock: Clock,
        *,
        has_archive: bool,
    ) -> None:
        self._catalogs = catalogs
        self._events = events
        self._counted = counted
        self._clock = clock
        self._has_archive = has_archive

    async def holdings(self) -> list[Holding]:
        """What is past its limit now; changes nothing."""
        now = self._now()
        span = Span(midnight(now), await self._counted())
        known = self._catalogs.current.catalogs
        return [
            Holding(found, limit.days, self._reason(known, found))
            for limit in limits(known, now)
            for found in await self._events.overdue(limit, span)
            if found.events
        ]

    async def remove(self) -> Mapping[str, int]:
        """Removes it: `dropped` partitions, `removed` events with them and one by one; `kept` events of apps
        that have an archive or no catalog, and `waiting` ones that are not counted yet."""
        now = self._now()
        span = Span(midnight(now), await self._counted())
        total = Counter(dropped=0, removed=0, kept=0, waiting=0)
        for limit in limits(self._catalogs.current.catalogs, now):
            leaves = defaultdict(list)
            for found in await self._events.overdue(limit, span):
                leaves[found.leaf].append(found)
            for overdue in leaves.values():
                total.update(await self._remove(limit, span, overdue))
        return dict(total)

    async def _remove(
        self, limit: Limit, span: Span, found: Sequence[Overdue]
    ) -> Mapping[str, int]:
        """Removes what a leaf has."""
        known = self._catalogs.current.catalogs
        leaf = found[0].leaf
        archived = {catalog.app_id for catalog in known.values() if catalog.archive}
        going = [each for each in found if each.app_id in known.keys() - archived]
        kept = sum(each.events for each in found) - sum(each.events for each in going)
        waiting = sum(each.uncounted for each in going)
        late = sum(each.late for each in found)
        if limit.is_of_class and not (kept or waiting or late):
            dropped = await self._events.drop(
                limit.classes[0], leaf, limit.before, sorted(archived)
            )
            if dropped is not None:
                return {"dropped": 1, "removed": dropped}
        removed = 0
        if apps := sorted(each.app_id for each in going if each.events > each.uncounted):
            removed = await self._events.delete(limit, leaf, apps, span)
        return {"removed": removed, "kept": kept, "waiting": waiting}

    def _reason(self, known: Mapping[str, Catalog], found: Overdue) -> str:
        reason = reason_to_keep(known, found.app_id, has_archive=self._has_archive)
        return reason or (NOT_COUNTED if found.uncounted else "")

    def _now(self) -> datetime:
        return moment_of(self._clock.now_us())

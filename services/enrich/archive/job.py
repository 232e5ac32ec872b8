"""The job that archives events which are past their limit, before others remove them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from libs.catalog import RETENTION_CLASSES, Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.expiry import expired_before, midnight
from libs.jobs.job import JobError
from services.enrich.anonymization.job import Named
from services.enrich.archive.request import CHECK, ArchiveRequest, to_line
from services.enrich.retention.limits import limits
from services.enrich.retention.removal import CountedBefore, Holding, Span


class OverdueNames(Protocol):
    """See `anonymization.job.Anonymization`."""

    async def overdue(self) -> Sequence[Named]:
        """Events that are due to be anonymized, and are not."""
        ...


class OverdueEvents(Protocol):
    """See `retention.removal.Removal`."""

    async def holdings(self) -> Sequence[Holding]:
        """What is past its limit."""
        ...


class Archiving:
    """Asks the archive's process for what is due by the catalogs in use."""

    def __init__(
        self,
        catalogs: Catalogs,
        anonymization: OverdueNames,
        counted: CountedBefore,
        clock: Clock,
        overdue: OverdueEvents,
        ask: Callable[[bytes], Awaitable[Mapping[str, int]]],
    ) -> None:
        self._catalogs = catalogs
        self._anonymization = anonymization
        self._counted = counted
        self._clock = clock
        self._overdue = overdue
        self._ask = ask

    async def archive(self) -> Mapping[str, int]:
        """Archives what is past its limit: `files` with `events`; `changed` days of apps were changed while
        they were written, and wait. Apps with events that are to be anonymized first are `unready`."""
        now = moment_of(self._clock.now_us())
        known = self._catalogs.current.catalogs
        archived = {catalog.app_id for catalog in known.values() if catalog.archive}
        if not archived:
            return {}
        found = [each for each in limits(known, now) if each.app_id in {None, *archived}]
        unready = archived & await self._unready(known, now)
        counts = {"files": 0, "events": 0, "changed": 0}
        if apps := sorted(archived - unready):
            span = Span(midnight(now), await self._counted())
            counts.update(await self._ask(to_line("archive", ArchiveRequest(apps, found, span))))
        return {**counts, "unready": len(unready)}

    async def check(self) -> Mapping[str, int]:
        """Reads the whole archive: `days`, `files`, `events`. Raises JobError if something is missing or
        changed, or events that are past their limit are still in the database."""
        left = await self._overdue.holdings()
        known = self._catalogs.current.catalogs
        behind = sum(
            each.overdue.events
            for each in left
            if each.overdue.app_id in known and known[each.overdue.app_id].archive
        )
        if behind:
            raise JobError(f"{behind} events that are past their limit were not archived")
        return await self._ask(CHECK)

    async def _unready(self, known: Mapping[str, Catalog], now: datetime) -> set[str]:
        """Apps of which an event would come into the archive with a person who is to be gone from it."""
        unready = set()
        for named in await self._anonymization.overdue():
            app_id = named.due.app_id
            if named.due.classes is not None:
                # Due because they leave.
                unready.add(app_id)
                continue
            days = RETENTION_CLASSES[known[app_id].events[named.due.name].retention_class]
            if days is not None and named.oldest < expired_before(days, now):
                unready.add(app_id)
        return unready

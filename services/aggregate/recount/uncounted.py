"""What becomes of a batch that cannot be counted: the rest of its events are counted from what is stored.

One event can be the reason, one whose name no catalog declares for example, and the batch is counted whole or
not at all. Recounts read each stored event alone, and know which batches are in quarantine: a batch that
comes back from there adds nothing to what was recounted (ADR 32).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from libs.catalog import Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from services.aggregate.buckets import bucket_start, moment
from services.aggregate.counting.generations import BucketKey
from services.aggregate.model import StoredBatch
from services.aggregate.recount.model import Reason
from services.aggregate.sealing import recounted_from


class Marks(Protocol):
    """Dirty buckets."""

    async def mark(self, buckets: Sequence[BucketKey], reason: Reason) -> None:
        """Has buckets recounted."""
        ...


class UncountedBatches:
    """Has the buckets of batches recounted that will be quarantined."""

    def __init__(
        self, catalogs: Catalogs, marks: Marks, clock: Clock, marked: Callable[[], None]
    ) -> None:
        """`marked` is called when there is something to recount."""
        self._catalogs = catalogs
        self._marks = marks
        self._clock = clock
        self._marked = marked

    async def mark(self, batch: StoredBatch) -> None:
        """Marks the buckets of a batch that cannot be counted. Safe to repeat."""
        catalog = self._catalogs.current.catalogs.get(batch.app_id)
        if catalog is None:
            return
        buckets = buckets_of(catalog, batch, moment_of(self._clock.now_us()))
        if buckets:
            await self._marks.mark(buckets, Reason.UNCOUNTED)
            self._marked()


def buckets_of(catalog: Catalog, batch: StoredBatch, now: datetime) -> list[BucketKey]:
    """The buckets that the batch's events belong to, sorted, without those that are not recounted. Events
    that the catalog does not declare are in none."""
    by_name: dict[str, set[int]] = {}
    for position, event in enumerate(batch.events):
        if position not in batch.skipped:
            by_name.setdefault(event.name, set()).add(event.occurred_at.seconds)
    found: set[BucketKey] = set()
    for rollup in catalog.rollups.values():
        oldest = recounted_from(catalog, rollup, now)
        for name in rollup.events & by_name.keys():
            starts = {bucket_start(rollup.period, seconds) for seconds in by_name[name]}
            found |= {
                (catalog.app_id, rollup.name, start)
                for start in starts
                if oldest is None or moment(start) >= oldest
            }
    return sorted(found)

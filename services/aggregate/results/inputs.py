"""What a result is made of, so that it is known when that changes. Pure."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import accumulate

from libs.catalog import Catalog, MetricKind, StoringJob, Term
from services.aggregate.named_metrics.dirty import read_terms

# The people who were active; every app has this rollup.
ACTIVITY = Term("activity", "active_users")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the results of a job are made of: rollups, and the names of events. Cells of all the rollups are
    kept for `shortest_days`, those of one of them for `longest_days`; None for no limit."""

    rollups: frozenset[str]
    names: frozenset[str]
    shortest_days: int | None
    longest_days: int | None


def inputs_of(catalog: Catalog, job: StoringJob) -> Inputs:
    """What a job's results are made of."""
    metrics = [catalog.metrics[name] for name in job.metrics]
    rollups = {*job.rollups, *(term.rollup for metric in metrics for term in read_terms(metric))}
    if any(metric.is_personal for metric in metrics):
        rollups.add(ACTIVITY.rollup)
    if job.cohorts is not None:
        rollups |= {job.cohorts.entry.rollup, job.cohorts.active.rollup}
    names: set[str] = set()
    for rollup in (catalog.rollups[name] for name in rollups):
        names |= rollup.events
        names |= {one.since for one in rollup.metrics if one.kind is MetricKind.ELAPSED}
    for metric in metrics:
        names |= metric.events
        for component in metric.components:
            names |= component.events
    days = [catalog.rollups[name].cell_retention_days for name in rollups]
    limited = [one for one in days if one is not None]
    return Inputs(
        frozenset(rollups),
        frozenset(names),
        min(limited, default=None),
        max(limited) if limited and len(limited) == len(days) else None,
    )


@dataclass(frozen=True, slots=True)
class Versions:
    """How often what a job reads has changed, by the bucket that it is in; buckets in their order."""

    buckets: Sequence[datetime]
    until: Sequence[Decimal]

    @classmethod
    def of(cls, found: Mapping[datetime, Decimal]) -> "Versions":
        """From the changes of each bucket."""
        buckets = sorted(found)
        return cls(buckets, list(accumulate((found[one] for one in buckets), initial=Decimal(0))))

    def between(self, start: datetime, end: datetime) -> Decimal:
        """How many changes there were of buckets that begin from `start` (inclusive) to `end` (exclusive)."""
        first, last = bisect_left(self.buckets, start), bisect_left(self.buckets, end)
        return self.until[last] - self.until[first]

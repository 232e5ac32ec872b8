"""Which buckets still name an erased person by events that had left the stored ones early, for example by
their sender's wish: of those no journal says that they are gone. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.catalog import Catalog
from libs.common.subject_data import Erasure
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch
from services.aggregate.counting.generations import BucketKey
from services.aggregate.sealing import recounted_from

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a rollup: when the first bucket begins that is recounted, and the first in which the person may be a
    member after the erasure.

    Between the two are buckets that were over when the fence was set: those only lose their members, so that
    they keep their numbers. Events that a law keeps are counted in any bucket."""

    open_from: datetime
    member_from: datetime


def limits(catalog: Catalog, erasure: Erasure, now: datetime) -> Mapping[str, Limits]:
    """The limits of each rollup."""
    found = {}
    for name, rollup in catalog.rollups.items():
        first = member_from = recounted_from(catalog, rollup, now) or _EVER
        if not erasure.withheld.keys() & set(rollup.events):
            fenced = bucket_start(rollup.period, seconds_since_epoch(erasure.fenced_at))
            member_from = max(first, moment(fenced))
        found[name] = Limits(first, member_from)
    return found


def left_early(
    catalog: Catalog,
    erasure: Erasure,
    naming: Iterable[tuple[str, int]],
    recounted: Collection[BucketKey],
) -> Collection[tuple[str, int]]:
    """Of open buckets that name the person, by rollups and starts, those to recount. What has been
    `recounted` since names the person by events that are stored. So do, most often, buckets with events that
    a law keeps: they are left as they are."""
    return {
        (rollup, start)
        for rollup, start in naming
        if not erasure.withheld.keys() & set(catalog.rollups[rollup].events)
        and (catalog.app_id, rollup, start) not in recounted
    }

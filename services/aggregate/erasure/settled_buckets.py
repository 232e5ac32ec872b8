"""From when on buckets can have a person who is erased all the same. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from libs.catalog import Catalog
from libs.common.subject_data import Erasure
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch
from services.aggregate.sealing import recounted_from

_EVER = datetime.min.replace(tzinfo=UTC)


def kept_from(catalog: Catalog, erasure: Erasure, now: datetime) -> Mapping[str, datetime]:
    """By rollup, the first bucket in which the person may be a member after the erasure.

    Before it are buckets that are not recounted, and those that were over when the fence was set: if the
    person is still counted there, then by events that had left the stored ones early, so that nothing has the
    bucket recounted. Events that a law keeps are counted in any bucket."""
    found = {}
    for name, rollup in catalog.rollups.items():
        first = recounted_from(catalog, rollup, now) or _EVER
        if not erasure.withheld.keys() & set(rollup.events):
            fenced = bucket_start(rollup.period, seconds_since_epoch(erasure.fenced_at))
            first = max(first, moment(fenced))
        found[name] = first
    return found

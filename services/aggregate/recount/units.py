"""Which dirty buckets are recounted in one go. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from libs.catalog import Period
from services.aggregate.buckets import bucket_end, bucket_start, seconds_since_epoch
from services.aggregate.plan import RollupPlan
from services.aggregate.recount.model import BucketRange, DirtyBucket, Unit

_Window = tuple[Period, int]


def newest_unit(rollups: Mapping[str, RollupPlan], dirty: Sequence[DirtyBucket]) -> Unit:
    """The buckets that are read together with the first of an app's `dirty` ones: hours and days of one day,
    or one week or month. All of them have to be of these rollups."""
    wanted = _window(rollups, dirty[0])
    app_id = dirty[0].app_id
    together = [one for one in dirty if one.app_id == app_id and _window(rollups, one) == wanted]
    by_rollup: dict[str, list[DirtyBucket]] = {}
    for one in together:
        by_rollup.setdefault(one.rollup, []).append(one)
    ranges = [_range(rollups[name], found) for name, found in sorted(by_rollup.items())]
    return Unit(app_id, ranges, frozenset(one.mark for one in together))


def _window(rollups: Mapping[str, RollupPlan], bucket: DirtyBucket) -> _Window:
    period = rollups[bucket.rollup].period
    length = Period.DAY if period is Period.HOUR else period
    return length, bucket_start(length, seconds_since_epoch(bucket.start))


def _range(plan: RollupPlan, dirty: Iterable[DirtyBucket]) -> BucketRange:
    starts = [seconds_since_epoch(one.start) for one in dirty]
    return BucketRange(plan.name, min(starts), bucket_end(plan.period, max(starts)))

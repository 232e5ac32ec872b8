"""Requests for verifications, and their answers."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime

from weir.aggregate.v1 import verify_pb2 as pb

from libs.catalog import Catalog, Period
from libs.common.errors import InvalidArgument
from services.aggregate.convert import time_range
from services.aggregate.expiry.kept import kept_from
from services.aggregate.sealing import sealed_before
from services.aggregate.verify.model import (
    CellDifference,
    Part,
    Totals,
    VerifiedRollup,
    VerifyQuery,
)

_DEFAULT_WAIT_SECONDS = 30
_MAX_WAIT_SECONDS = 600
_PARTS = {
    Part.COUNT: pb.MEASURE_PART_COUNT,
    Part.TOTAL: pb.MEASURE_PART_TOTAL,
    Part.MINIMUM: pb.MEASURE_PART_MINIMUM,
    Part.MAXIMUM: pb.MEASURE_PART_MAXIMUM,
    Part.MEMBERS: pb.MEASURE_PART_MEMBERS,
    Part.BINS: pb.MEASURE_PART_BINS,
    Part.EDGE: pb.MEASURE_PART_EDGE,
}


def verify_query(request: pb.VerifyRollupsRequest, catalog: Catalog, now: datetime) -> VerifyQuery:
    """A VerifyRollupsRequest whose rollups the catalog has. Raises InvalidArgument."""
    wait = request.wait_seconds if request.HasField("wait_seconds") else _DEFAULT_WAIT_SECONDS
    if wait > _MAX_WAIT_SECONDS:
        raise InvalidArgument(f"must be at most {_MAX_WAIT_SECONDS}", field="wait_seconds")
    # Longer buckets begin on full hours as well.
    start, end = time_range(request, Period.HOUR)
    rollups = [catalog.rollups[name] for name in sorted(set(request.rollups or catalog.rollups))]
    return VerifyQuery(
        request.app_id,
        catalog.limits.dimension_characters,
        tuple(
            VerifiedRollup(
                rollup,
                sealed_before(catalog, rollup, now),
                kept_from(rollup.period, rollup.cell_retention_days, now),
            )
            for rollup in rollups
        ),
        start,
        end,
        float(wait),
    )


def difference_messages(
    difference: CellDifference, hidden: Collection[str] = ()
) -> Iterator[pb.VerifyRollupsResponse]:
    """A message for each metric of the cell that differs, without the `hidden` dimensions."""
    bucket, text = difference.key
    dimensions = {name: value for name, value in json.loads(text).items() if name not in hidden}
    for metric in difference.metrics:
        message = pb.VerifyDifference(
            rollup=difference.rollup,
            metric=metric.metric,
            part=_PARTS[metric.part],
            counted=metric.counted,
            recounted=metric.recounted,
        )
        message.bucket_start.seconds = bucket
        message.dimensions.update(dimensions)
        yield pb.VerifyRollupsResponse(difference=message)


def summary_message(totals: Totals) -> pb.VerifyRollupsResponse:
    """The last message."""
    return pb.VerifyRollupsResponse(
        summary=pb.VerifySummary(
            cells_compared=totals.compared,
            cells_different=totals.different,
            cells_sealed=totals.sealed,
            cells_unsettled=totals.unsettled,
        )
    )

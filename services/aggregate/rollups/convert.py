"""Requests for cells, and their answers."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import orjson
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Catalog, SourceKind
from libs.common.errors import InvalidArgument
from libs.common.structs import contains_nul, plain_value
from libs.rpc.page_tokens import page_size
from services.aggregate.buckets import (
    bucket_end,
    first_bucket_from,
    moment,
    seconds_since_epoch,
)
from services.aggregate.convert import (
    cell_message,
    completeness,
    reliability_message,
    time_range,
    zoned_time,
)
from services.aggregate.expiry.kept import kept_from
from services.aggregate.model import CellQuery, Cursor, StoredCell
from services.aggregate.plan import RollupPlan
from services.aggregate.rollups.completeness import FinalUntil
from services.aggregate.suppression.values import shown_values

_CELL_ID_BYTES = 16
MAX_PAGE_SIZE = 10_000
DEFAULT_PAGE_SIZE = 1_000


def cell_query(request: pb.QueryRollupRequest, plan: RollupPlan) -> CellQuery:
    """A QueryRollupRequest but for its page token. Raises InvalidArgument for what the rollup does not
    have."""
    limit = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
    known = {dimension.name: dimension.source.kind for dimension in plan.dimensions}
    for name in request.dimensions.fields:
        if name not in known:
            raise InvalidArgument(
                f"the rollup's dimensions are: {', '.join(sorted(known)) or 'none'}",
                field="dimensions",
                metadata={"dimension": name},
            )
    start, end = time_range(request, plan.period)
    return CellQuery(
        app_id=request.app_id,
        rollup=plan.name,
        start=start,
        end=end,
        filters={
            name: filter_value(value, known[name])
            for name, value in sorted(request.dimensions.fields.items())
        },
        limit=limit,
    )


def cursor_values(cursor: Cursor) -> tuple[str, str | None, str]:
    """A cursor as a page token carries it; `cell_cursor` reads them."""
    return cursor.bucket.isoformat(), cursor.dimensions, cursor.cell_id


def cell_cursor(bucket: str, dimensions: str | None, cell_id: str) -> Cursor:
    """The cursor of `cursor_values`. Raises ValueError or TypeError for values that it never makes."""
    if dimensions is not None:
        plain = orjson.loads(dimensions)
        if contains_nul(plain):
            raise ValueError("Postgres stores no U+0000")
        dimensions = orjson.dumps(plain).decode()
    if len(bytes.fromhex(cell_id)) != _CELL_ID_BYTES:
        raise ValueError("not the id of a cell")
    return Cursor(zoned_time(bucket), dimensions, cell_id.lower())


def stored_cell(
    plan: RollupPlan,
    cell: StoredCell,
    final: FinalUntil,
    dirty: Collection[datetime],
    least: int,
) -> pb.Cell:
    """A cell that was read, with the metrics that the catalog has, but for those of fewer than `least`
    people. A `dirty` bucket is not final."""
    start = seconds_since_epoch(cell.cursor.bucket)
    message = cell_message(start, cell.dimensions, shown_values(plan, cell.measures, least))
    end = bucket_end(plan.period, start)
    message.bucket_end.seconds = end
    is_final = cell.cursor.bucket not in dirty and final.covers(moment(end))
    message.completeness = completeness(is_final)
    return message


def labels(catalog: Catalog, plan: RollupPlan) -> dict[str, pb.DimensionLabels]:
    """The catalog's words for values of the rollup's dimensions."""
    return {
        name: pb.DimensionLabels(
            values={
                value: pb.Label(name=label.name, type=label.type)
                for value, label in catalog.labels[name].items()
            }
        )
        for name in plan.dimension_names
        if name in catalog.labels
    }


def reliability(
    plan: RollupPlan,
    query: CellQuery,
    final: FinalUntil,
    watermark: datetime | None,
    calculated_at: datetime,
    *,
    is_dirty: bool,
    cut: reliability_pb2.Cut | None,
) -> reliability_pb2.Reliability:
    """How far an answer can be relied on. It is final if none of its cells can change, and none can appear:
    so never without an end, nor if a bucket that it covers is dirty."""
    covered = (
        not is_dirty
        and query.end is not None
        and final.covers(moment(first_bucket_from(plan.period, query.end)))
    )
    return reliability_message(
        is_final=covered, watermark=watermark, calculated_at=calculated_at, cut=cut
    )


def expired_cut(
    plan: RollupPlan, start: datetime | None, now: datetime
) -> reliability_pb2.Cut | None:
    """What an answer says that was asked for buckets from `start` on, of which some have expired; None if
    none have, or if the question was for those that there are."""
    days = plan.retention_days
    kept = kept_from(plan.period, days, now)
    if days is None or kept is None or start is None or start >= kept:
        return None
    return reliability_pb2.Cut(
        limit="retention",
        value=days,
        detail=f"buckets that begin before {kept:%Y-%m-%dT%H:%MZ} have expired",
    )


def filter_value(value: Any, kind: SourceKind) -> object:
    """A `google.protobuf.Value` as plain JSON. Raises InvalidArgument for what no dimension can be."""
    try:
        plain = plain_value(value)
    except ValueError:
        raise InvalidArgument("must be a finite number", field="dimensions") from None
    if contains_nul(plain):
        raise InvalidArgument("must not contain U+0000", field="dimensions")
    if kind is not SourceKind.PROPERTY and not isinstance(plain, str | None):
        # Ids and names of the envelope are texts, whatever a sender wrote: a group sent as 1 is "1".
        return orjson.dumps(plain).decode()
    return plain

"""Requests for cells, and their answers."""

from typing import Any

import orjson
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.common.errors import InvalidArgument
from libs.common.structs import contains_nul, plain_value
from libs.rpc.page_tokens import page_size
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.convert import cell_message, time_range, zoned_time
from services.aggregate.model import CellQuery, Cursor, StoredCell
from services.aggregate.plan import RollupPlan
from services.aggregate.values import cell_values

_CELL_ID_BYTES = 16
MAX_PAGE_SIZE = 10_000
DEFAULT_PAGE_SIZE = 1_000


def cell_query(request: pb.QueryRollupRequest, plan: RollupPlan) -> CellQuery:
    """A QueryRollupRequest but for its page token. Raises InvalidArgument for what the rollup does not
    have."""
    limit = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
    known = {dimension.name for dimension in plan.dimensions}
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
            name: _filter_value(value) for name, value in sorted(request.dimensions.fields.items())
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


def stored_cell(plan: RollupPlan, cell: StoredCell) -> pb.Cell:
    """A cell that was read, with the metrics that the catalog has."""
    return cell_message(
        seconds_since_epoch(cell.cursor.bucket), cell.dimensions, cell_values(plan, cell.measures)
    )


def _filter_value(value: Any) -> object:
    """A `google.protobuf.Value` as plain JSON. Raises InvalidArgument for what no dimension can be."""
    try:
        plain = plain_value(value)
    except ValueError:
        raise InvalidArgument("must be a finite number", field="dimensions") from None
    if contains_nul(plain):
        raise InvalidArgument("must not contain U+0000", field="dimensions")
    return plain

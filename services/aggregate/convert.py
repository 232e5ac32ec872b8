"""Protos and domain, both ways."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.streams.v1 import batch_pb2

from libs.catalog import Limits, Period
from libs.common.errors import InvalidArgument
from libs.rpc.page_tokens import page_size
from libs.streams.errors import UnreadableError
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch
from services.aggregate.model import (
    CellQuery,
    CellState,
    Cohort,
    CohortQuery,
    Cursor,
    StoredBatch,
    StoredCell,
)
from services.aggregate.plan import RollupPlan
from services.aggregate.rollups.sizes import DIMENSIONS_BYTES, bounded_dimensions, fitting
from services.aggregate.values import cell_values

_PERIODS: dict[int, Period] = {
    pb.PERIOD_HOUR: Period.HOUR,
    pb.PERIOD_DAY: Period.DAY,
    pb.PERIOD_WEEK: Period.WEEK,
    pb.PERIOD_MONTH: Period.MONTH,
}
_PERIOD_NUMBERS = {period: number for number, period in _PERIODS.items()}
_BATCH_ID_BYTES = 16
_CELL_ID_BYTES = 16
MAX_PAGE_SIZE = 10_000
DEFAULT_PAGE_SIZE = 1_000


def stored_batch(fields: Mapping[bytes, bytes]) -> StoredBatch:
    """The batch of a stream entry. Raises UnreadableError."""
    try:
        enriched = batch_pb2.EnrichedBatch.FromString(fields[b"batch"])
        batch = batch_pb2.EventBatch.FromString(enriched.event_batch)
    except KeyError:
        raise UnreadableError("it has no field `batch`") from None
    except DecodeError:
        raise UnreadableError("it is not a protobuf message of the kind expected") from None
    if len(batch.batch_id) != _BATCH_ID_BYTES:
        raise UnreadableError("the batch id does not have 16 bytes")
    enrichment_of_event = list(enriched.enrichment_of_event)
    if len(enrichment_of_event) != len(batch.events):
        raise UnreadableError("there is not one enrichment for each event")
    if enrichment_of_event and max(enrichment_of_event) >= len(enriched.enrichments):
        raise UnreadableError("it names an enrichment that it does not have")
    return StoredBatch(
        batch.batch_id,
        batch.app_id,
        batch.events,
        enriched.enrichments,
        enrichment_of_event,
        frozenset(enriched.skipped),
        fields.get(b"trace", b"").decode(errors="replace"),
    )


def cell_query(request: Any, plan: RollupPlan) -> CellQuery:
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
            name: json_value(value) for name, value in sorted(request.dimensions.fields.items())
        },
        limit=limit,
    )


def cell_place(position: Cursor) -> tuple[str, str | None, str]:
    """A cursor as a page token carries it; `cell_cursor` reads it."""
    return position.bucket.isoformat(), position.dimensions, position.cell_id


def cell_cursor(bucket: str, dimensions: str | None, cell_id: str) -> Cursor:
    """The cursor that `cell_place` wrote. Raises ValueError or TypeError for values that it never writes."""
    if dimensions is not None:
        dimensions = orjson.dumps(orjson.loads(dimensions)).decode()
        if "\\u0000" in dimensions:
            raise ValueError("Postgres keeps no U+0000")
    if len(bytes.fromhex(cell_id)) != _CELL_ID_BYTES:
        raise ValueError("not the id of a cell")
    return Cursor(_aware(bucket), dimensions, cell_id.lower())


def cohort_start(start: str) -> datetime:
    """The first cohort of a page, which its token carries in ISO form. Raises ValueError or TypeError."""
    return _aware(start)


def _aware(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time


def time_range(request: Any, period: Period) -> tuple[datetime | None, datetime | None]:
    """A request's `from`, rounded down to the start of its period, and `to`; None if unset. Raises
    InvalidArgument."""
    start = _utc(request, "from")
    if start is not None:
        start = moment(bucket_start(period, seconds_since_epoch(start)))
    return start, _utc(request, "to")


def _utc(message: Any, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    try:
        found: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument("must be in the years 1 to 9999", field=field) from None
    return found


def _cohort_period(number: int) -> Period:
    """The period of a retention request. Raises InvalidArgument."""
    period = _PERIODS.get(number)
    if period is None or period is Period.HOUR:
        raise InvalidArgument("must be PERIOD_DAY, PERIOD_WEEK or PERIOD_MONTH", field="period")
    return period


def period_number(period: Period) -> Any:
    """As the enum `weir.aggregate.v1.Period` has it."""
    return _PERIOD_NUMBERS[period]


def json_value(value: Any) -> object:
    """A `google.protobuf.Value` as plain JSON. Whole numbers become integers, which equal them."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            raise InvalidArgument("must be a finite number", field="dimensions")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "string_value" and "\x00" in value.string_value:
        raise InvalidArgument("must not contain U+0000", field="dimensions")
    if kind == "struct_value":
        if any("\x00" in key for key in value.struct_value.fields):
            raise InvalidArgument("must not contain U+0000", field="dimensions")
        return {key: json_value(item) for key, item in value.struct_value.fields.items()}
    if kind == "list_value":
        return [json_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def stored_cell(plan: RollupPlan, cell: StoredCell) -> pb.Cell:
    """A cell that was read, with the metrics that the catalog has."""
    return _cell(
        seconds_since_epoch(cell.position.bucket), cell.dimensions, cell_values(plan, cell.measures)
    )


def encoded_state(state: CellState) -> bytes:
    """A live cell as a WatchRollupsResponse with nothing else in it; one behind the other, they are a
    WatchRollupsResponse too."""
    cell = state.cell
    dimensions = orjson.loads(cell.dimensions)
    if len(cell.dimensions) > DIMENSIONS_BYTES:
        # Counted and published by a release that had no limits.
        dimensions = bounded_dimensions(dimensions, Limits().dimension_characters)
    watched = pb.WatchedCell(rollup=cell.rollup, cell=_cell(cell.bucket, dimensions, state.values))
    return bytes(pb.WatchRollupsResponse(cells=[watched]).SerializeToString())


def cohort_query(request: Any) -> CohortQuery:
    """A QueryCohortRetentionRequest but for its page token. Raises InvalidArgument for a period of hours."""
    period = _cohort_period(request.period)
    start, end = time_range(request, period)
    return CohortQuery(request.app_id, period, start, end)


def cohort_page(found: Sequence[Cohort]) -> tuple[Sequence[pb.Cohort], datetime | None]:
    """The cohorts in their order, as many as an answer holds, and where to go on; None if these are all."""
    cohorts = fitting(map(_cohort, found))
    left = found[len(cohorts) :]
    return cohorts, left[0].start if left else None


def _cohort(cohort: Cohort) -> pb.Cohort:
    message = pb.Cohort(size=cohort.size, active=cohort.active)
    message.start.seconds = seconds_since_epoch(cohort.start)
    return message


def _cell(bucket: int, dimensions: Mapping[str, Any], values: Mapping[str, float]) -> pb.Cell:
    message = pb.Cell(metrics=values)
    message.bucket_start.seconds = bucket
    message.dimensions.update(dimensions)
    return message

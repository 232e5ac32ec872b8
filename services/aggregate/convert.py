"""What the calls have in common: their service, periods, ranges of time, cells, how reliable they are."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Period
from libs.common.errors import InvalidArgument
from libs.events.filtering import FilterError
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["AggregateService"].full_name
_PERIODS: Mapping[pb.Period, Period] = {
    pb.PERIOD_HOUR: Period.HOUR,
    pb.PERIOD_DAY: Period.DAY,
    pb.PERIOD_WEEK: Period.WEEK,
    pb.PERIOD_MONTH: Period.MONTH,
}
_PERIOD_NUMBERS = {period: number for number, period in _PERIODS.items()}


def period_of(number: pb.Period) -> Period | None:
    """The period of an enum value; None if it names none."""
    return _PERIODS.get(number)


def period_number(period: Period) -> pb.Period:
    """As the enum `weir.aggregate.v1.Period` has it."""
    return _PERIOD_NUMBERS[period]


def time_range(request: Any, period: Period) -> tuple[datetime | None, datetime | None]:
    """A request's `from`, rounded down to the start of its period, and `to`; None if unset. Raises
    InvalidArgument."""
    start = utc_field(request, "from")
    if start is not None:
        start = moment(bucket_start(period, seconds_since_epoch(start)))
    return start, utc_field(request, "to")


def zoned_time(text: str) -> datetime:
    """A time in ISO form. Raises ValueError if it has no zone, TypeError if it is no text."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without its zone")
    return time


@contextmanager
def reading_filter(field: str) -> Iterator[None]:
    """Makes of a FilterError an InvalidArgument about `field`, with the place at fault."""
    try:
        yield
    except FilterError as error:
        raise InvalidArgument(
            f"at character {error.position + 1}: {error.message}",
            field=field,
            metadata={"position": str(error.position)},
        ) from None


def cell_message(
    bucket: int, dimensions: Mapping[str, Any], values: Mapping[str, float]
) -> pb.Cell:
    """A cell whose bucket begins `bucket` seconds after the epoch."""
    message = pb.Cell(metrics=values)
    message.bucket_start.seconds = bucket
    message.dimensions.update(dimensions)
    return message


def completeness(is_final: bool) -> reliability_pb2.Completeness:
    """As a message says it."""
    if is_final:
        return reliability_pb2.COMPLETENESS_FINAL
    return reliability_pb2.COMPLETENESS_PROVISIONAL


def reliability_message(
    *,
    is_final: bool,
    watermark: datetime | None,
    calculated_at: datetime,
    cut: reliability_pb2.Cut | None = None,
) -> reliability_pb2.Reliability:
    """How far an answer can be relied on."""
    message = reliability_pb2.Reliability(completeness=completeness(is_final), cut=cut)
    message.calculated_at.FromDatetime(calculated_at)
    if watermark is not None:
        message.watermark.FromDatetime(watermark)
    return message


def utc_field(message: Any, field: str, path: str = "") -> datetime | None:
    """A timestamp of a message, None if unset. Raises InvalidArgument, about `path` if that is given."""
    if not message.HasField(field):
        return None
    try:
        found: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument("must be in the years 1 to 9999", field=path or field) from None
    return found

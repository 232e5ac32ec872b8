"""Requests for cohorts, and their answers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from google.protobuf import json_format, struct_pb2
from weir.aggregate.v1 import aggregate_service_pb2 as service_pb
from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.catalog import Catalog, Period
from libs.common.errors import InvalidArgument
from libs.events.filtering import compile_filter
from libs.events.filtering.reach import possible_names
from libs.events.postgres import BEGINNING, END
from libs.rpc.answer_sizes import fitting
from services.aggregate.behaviour.cohorts.model import Cohort, CohortsQuery, Entry, Point
from services.aggregate.behaviour.cohorts.table import counts, end_of, points
from services.aggregate.behaviour.convert import (
    at_most,
    dividing_field,
    event_rule,
    later,
    readable_filter,
)
from services.aggregate.behaviour.model import EventRule
from services.aggregate.buckets import (
    bucket_end,
    bucket_start,
    first_bucket_from,
    moment,
    seconds_since_epoch,
)
from services.aggregate.convert import completeness, period_of, time_range, zoned_time
from services.aggregate.events.convert import Frame
from services.aggregate.rollups.completeness import FinalUntil

MAX_PERIODS = 400
_MAX_DAY = 366
_MAX_DAYS = 31
_MAX_VALUES = 100
_DEFAULT_VALUES = 20
_LONGEST_PERIOD = timedelta(days=31)
_PERIODS: Mapping[int, Period] = {
    pb.COHORT_PERIOD_DAY: Period.DAY,
    pb.COHORT_PERIOD_WEEK: Period.WEEK,
    pb.COHORT_PERIOD_MONTH: Period.MONTH,
}
_ON_OR_AFTER = {
    pb.COHORT_ACTIVITY_UNSPECIFIED: False,
    pb.COHORT_ACTIVITY_EXACTLY_ON: False,
    pb.COHORT_ACTIVITY_ON_OR_AFTER: True,
}


def cohorts_query(request: pb.QueryCohortsRequest, catalog: Catalog, frame: Frame) -> CohortsQuery:
    """A QueryCohortsRequest but for its page token, with the moments that its time means. Raises
    InvalidArgument."""
    period = _PERIODS.get(request.period)
    if period is None:
        raise InvalidArgument("must be a day, a week or a month", field="period")
    on_or_after = _ON_OR_AFTER.get(request.active_when)
    if on_or_after is None:
        raise InvalidArgument("must be EXACTLY_ON or ON_OR_AFTER", field="active_when")
    days = tuple(request.days)
    if len(days) > _MAX_DAYS or any(day > _MAX_DAY for day in days):
        raise InvalidArgument(f"must be up to {_MAX_DAYS}, from 0 to {_MAX_DAY}", field="days")
    if days != tuple(sorted(set(days))):
        raise InvalidArgument("must be in order, each once", field="days")
    if days and request.periods:
        raise InvalidArgument("not together with `days`", field="periods")
    periods = at_most(request.periods, "periods", default=0, maximum=MAX_PERIODS) or None
    first, past = _whole_periods(period, frame)
    longest = timedelta(days=max(days) + 1) if days else (periods or 0) * _LONGEST_PERIOD
    # Any later activity counts for those who were active on or after a period.
    is_bounded = bool(days or periods) and not on_or_after
    read_until = later(past, longest + _LONGEST_PERIOD) if is_bounded else END
    return CohortsQuery(
        request.app_id,
        period,
        first,
        past,
        _entry(request, catalog),
        _active(request, catalog),
        read_until,
        on_or_after,
        periods,
        days,
        at_most(request.max_values, "max_values", default=_DEFAULT_VALUES, maximum=_MAX_VALUES),
    )


def retention_query(request: service_pb.QueryCohortRetentionRequest) -> CohortsQuery:
    """A QueryCohortRetentionRequest but for its page token. Raises InvalidArgument for a period of hours."""
    period = period_of(request.period)
    if period is None or period is Period.HOUR:
        raise InvalidArgument("must be PERIOD_DAY, PERIOD_WEEK or PERIOD_MONTH", field="period")
    start, end = time_range(request, period)
    first, past = _whole_periods(period, (start or BEGINNING, end or END))
    return CohortsQuery(request.app_id, period, first, past)


def page_cursor(
    frame: Frame, one_in: int, cohort: Cohort
) -> tuple[str, str, int, str, int, str | None]:
    """Where to go on, with the moments and the sample of the first page; `read_page_cursor` reads it."""
    start, end = frame
    return (
        start.isoformat(),
        end.isoformat(),
        one_in,
        cohort.start.isoformat(),
        int(cohort.is_other),
        cohort.value,
    )


def read_page_cursor(
    start: str, end: str, one_in: int, cohort: str, is_other: int, value: str | None
) -> tuple[Frame, int, tuple[datetime, bool, str]]:
    """Raises ValueError or TypeError for what `page_cursor` never makes."""
    place = zoned_time(cohort), bool(is_other), "" if value is None else str(value)
    if not isinstance(one_in, int) or one_in.bit_count() != 1:
        raise ValueError("no sample")
    return (zoned_time(start), zoned_time(end)), one_in, place


def cohort_message(
    query: CohortsQuery,
    cohort: Cohort,
    one_in: int,
    final: FinalUntil,
    hidden_offsets: Collection[int] = (),
) -> pb.EntryCohort:
    """A cohort whose counts are of one in so many people, without those at the hidden offsets."""
    message = pb.EntryCohort(
        value=json_format.Parse(cohort.value or "null", struct_pb2.Value()),
        other=cohort.is_other,
        size=cohort.size * one_in,
        completeness=completeness(final.covers(end_of(query.period, cohort.start))),
        points=[
            _point(query, point, one_in, final)
            for point in points(query, cohort)
            if point.offset not in hidden_offsets
        ],
    )
    message.start.seconds = seconds_since_epoch(cohort.start)
    return message


def retention_page(
    query: CohortsQuery, found: Sequence[Cohort]
) -> tuple[Sequence[service_pb.Cohort], datetime | None]:
    """Cohorts of a QueryCohortRetention, as many as an answer holds, and where to go on; None if these are
    all."""
    cohorts = fitting(_retention_cohort(query, cohort) for cohort in found)
    left = found[len(cohorts) :]
    return cohorts, left[0].start if left else None


def relied_on(query: CohortsQuery) -> datetime:
    """From when on no number of the answer is expected to change, and none to be added. Those of ON_OR_AFTER
    can grow at any time."""
    if query.on_or_after:
        return END
    if query.days:
        return later(query.past, timedelta(days=max(query.days)))
    return END if query.periods is None else _periods_later(query)


def read_names(query: CohortsQuery, catalog: Catalog) -> frozenset[str]:
    """The events that the answer is from, those behind stored members among them."""
    found = {
        name
        for rule in (query.entry and query.entry.rule, query.active)
        if rule
        for name in rule.names
    }
    if query.entry is None or query.active is None:
        found |= catalog.rollups["activity"].events
    return frozenset(found)


def _periods_later(query: CohortsQuery) -> datetime:
    if query.past == END:
        return END
    end = seconds_since_epoch(query.past)
    for _ in range(query.periods or 0):
        end = bucket_end(query.period, end)
    return moment(end)


def _retention_cohort(query: CohortsQuery, cohort: Cohort) -> service_pb.Cohort:
    message = service_pb.Cohort(size=cohort.size, active=counts(query, cohort))
    message.start.seconds = seconds_since_epoch(cohort.start)
    return message


def _point(query: CohortsQuery, point: Point, one_in: int, final: FinalUntil) -> pb.CohortPoint:
    # Those who have not been active since may still come back.
    can_grow = query.on_or_after and point.active < point.people
    message = pb.CohortPoint(
        offset=point.offset,
        people=point.people * one_in,
        active=point.active * one_in,
        completeness=completeness(final.covers(point.end) and not can_grow),
    )
    if point.people:
        message.share = point.active / point.people
    return message


def _whole_periods(period: Period, frame: Frame) -> Frame:
    start, end = frame
    if start != BEGINNING:
        start = moment(bucket_start(period, seconds_since_epoch(start)))
    if end != END:
        end = moment(first_bucket_from(period, end))
    return start, end


def _entry(request: pb.QueryCohortsRequest, catalog: Catalog) -> Entry | None:
    match request.WhichOneof("entry"):
        case "event":
            return Entry(event_rule(request.event, "event", catalog, "entry_"))
        case "property":
            rule = event_rule(request.property.event, "property.event", catalog, "entry_")
            field = dividing_field(request.property.field, "property.field", catalog, rule.names)
            if field is None:
                raise InvalidArgument("is required", field="property.field")
            return Entry(rule, field)
        case "behaviour":
            return Entry(_behaviour(request.behaviour, catalog))
    return None


def _behaviour(name: str, catalog: Catalog) -> EventRule:
    declared = catalog.behaviours.get(name)
    if declared is None:
        known = ", ".join(sorted(catalog.behaviours)) or "none"
        raise InvalidArgument(f"the app's catalog declares: {known}", field="behaviour")
    node = readable_filter(declared.filter, f"behaviour {name}: filter", catalog, declared.events)
    return EventRule(tuple(sorted(declared.events)), compile_filter(node, "entry_"))


def _active(request: pb.QueryCohortsRequest, catalog: Catalog) -> EventRule | None:
    if not request.active_filter:
        return None
    node = readable_filter(request.active_filter, "active_filter", catalog)
    names = tuple(possible_names(node, catalog.events))
    if not names:
        raise InvalidArgument("no event of the app's catalog can be found", field="active_filter")
    return EventRule(names, compile_filter(node, "active_"))

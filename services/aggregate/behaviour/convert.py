"""Requests for cohorts, and their answers."""

from collections.abc import Sequence
from datetime import datetime

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Period
from libs.common.errors import InvalidArgument
from services.aggregate.answer_sizes import fitting
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.convert import period_of, time_range
from services.aggregate.model import Cohort, CohortQuery


def cohort_query(request: pb.QueryCohortRetentionRequest) -> CohortQuery:
    """A QueryCohortRetentionRequest but for its page token. Raises InvalidArgument for a period of hours."""
    period = _cohort_period(request.period)
    start, end = time_range(request, period)
    return CohortQuery(request.app_id, period, start, end)


def cohort_page(found: Sequence[Cohort]) -> tuple[Sequence[pb.Cohort], datetime | None]:
    """The cohorts in their order, as many as an answer holds, and where to go on; None if these are all."""
    cohorts = fitting(map(_cohort, found))
    left = found[len(cohorts) :]
    return cohorts, left[0].start if left else None


def _cohort_period(number: pb.Period) -> Period:
    """The period of a request for cohorts. Raises InvalidArgument."""
    period = period_of(number)
    if period is None or period is Period.HOUR:
        raise InvalidArgument("must be PERIOD_DAY, PERIOD_WEEK or PERIOD_MONTH", field="period")
    return period


def _cohort(cohort: Cohort) -> pb.Cohort:
    message = pb.Cohort(size=cohort.size, active=cohort.active)
    message.start.seconds = seconds_since_epoch(cohort.start)
    return message

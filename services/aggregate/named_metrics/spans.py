"""Which spans of time a metric's values are over. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from libs.catalog import NamedKind, NamedMetric, Period, Term
from services.aggregate.buckets import bucket_end, bucket_start, moment, seconds_since_epoch
from services.aggregate.named_metrics.model import Span


def periods_in(period: Period, start: datetime, end: datetime, most: int) -> list[Span]:
    """The periods that begin before `end`, from the one on that `start` is in; the first `most`."""
    found: list[Span] = []
    second = bucket_start(period, seconds_since_epoch(start))
    while moment(second) < end and len(found) < most:
        following = bucket_end(period, second)
        if following == second:
            break
        found.append(Span(moment(second), moment(following)))
        second = following
    return found


def newest_ended(period: Period, now: datetime) -> Span:
    """The newest period that has ended."""
    end = bucket_start(period, seconds_since_epoch(now))
    return Span(moment(bucket_start(period, end - 1)), moment(end))


def before(period: Period, span: Span) -> Span:
    """The period before one."""
    start = bucket_start(period, seconds_since_epoch(span.start) - 1)
    return Span(moment(start), span.start)


def spans_of(metric: NamedMetric, term: Term, span: Span) -> Sequence[Span]:
    """The spans of which a term is read for the value of `span`, oldest first: it and the one before for a
    change, several for a trend."""
    back = {NamedKind.CHANGE: 1, NamedKind.CHURN: 1, NamedKind.TREND: metric.periods - 1}
    found = [span]
    for _ in range(back.get(metric.kind, 0)):
        found.insert(0, before(metric.period, found[0]))
    return [_widened(term, one) for one in found]


def _widened(term: Term, span: Span) -> Span:
    if term.window_days:
        return Span(span.end - timedelta(days=term.window_days), span.end)
    if term.so_far:
        midnight = bucket_start(Period.DAY, seconds_since_epoch(span.start))
        return Span(moment(midnight), span.end)
    return span


def buckets_begun(period: Period, span: Span, now: datetime) -> int:
    """How many of a rollup's buckets in a span have begun."""
    return len(periods_in(period, span.start, min(span.end, now), most=100_000))

"""Whether a metric's value reads buckets whose numbers are about to be corrected. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from libs.catalog import NamedMetric, Term
from services.aggregate.named_metrics.model import Span
from services.aggregate.named_metrics.spans import spans_of

# By rollup.
DirtyBuckets = Mapping[str, Collection[datetime]]


def read_terms(metric: NamedMetric) -> Collection[Term]:
    """The numbers of rollups that the metric reads."""
    actives = (component.active for component in metric.components)
    return [*metric.terms, *(term for term in actives if term is not None)]


def is_dirty(metric: NamedMetric, span: Span, dirty: DirtyBuckets) -> bool:
    """Whether one of the buckets is dirty that the value of a span reads, or a day's more."""
    earlier = _days_earlier(metric)
    for term in read_terms(metric):
        spans = spans_of(metric, term, span)
        start = spans[0].start - earlier
        if any(start <= bucket < spans[-1].end for bucket in dirty.get(term.rollup, ())):
            return True
    return False


def first_read(metric: NamedMetric, span: Span) -> datetime:
    """From when on the value of a span reads buckets and events, or a day earlier."""
    starts = (spans_of(metric, term, span)[0].start for term in read_terms(metric))
    return min([span.start, *starts]) - _days_earlier(metric)


def _days_earlier(metric: NamedMetric) -> timedelta:
    days = (component.days for component in metric.components)
    return timedelta(days=max([metric.after_days, *days]))

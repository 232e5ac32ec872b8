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
    earlier = max([metric.after_days, *(component.days for component in metric.components)])
    for term in read_terms(metric):
        spans = spans_of(metric, term, span)
        start = spans[0].start - timedelta(days=earlier)
        if any(start <= bucket < spans[-1].end for bucket in dirty.get(term.rollup, ())):
            return True
    return False

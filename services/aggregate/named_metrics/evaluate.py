"""Metrics from the numbers of rollups. Pure."""

from collections.abc import Sequence

from libs.catalog import COUNTABLE_KINDS, Metric, MetricKind, NamedKind, NamedMetric
from services.aggregate.model import Measure
from services.aggregate.named_metrics.model import Answer, Counted, Numbers
from services.aggregate.named_metrics.trends import trend
from services.aggregate.plan import RollupPlan
from services.aggregate.values import metric_value

_NOTHING = Counted(Measure(0, None, None, None), 0)


def read_metrics(plan: RollupPlan, name: str) -> Sequence[Metric]:
    """The stored metrics of a rollup that make one: itself, or the two of a difference."""
    by_name = {metric.name: metric for metric in plan.metrics}
    metric = by_name[name]
    if metric.kind is MetricKind.DIFFERENCE:
        return [by_name[part] for part in metric.of]
    return [metric]


def evaluate(
    metric: NamedMetric,
    parts: Sequence[Sequence[Metric]],
    numbers: Sequence[Numbers],
    buckets: int,
) -> Answer:
    """The number of one span and group. `parts` and `numbers` are of each term of the metric: what it reads,
    and what it found. `buckets` is how many buckets an average is over."""
    # Of a ratio the last term is the denominator: what the share or mean is over.
    points = _data_points(numbers[-1], overlapping=metric.has_window)
    match metric.kind:
        case NamedKind.VALUE:
            return Answer(_value(parts[0], numbers[0], 0), {}, points)
        case NamedKind.RATIO:
            return _ratio([_value(*each, 0) for each in zip(parts, numbers, strict=True)], points)
        case NamedKind.AVERAGE:
            total = _value(parts[0], numbers[0], 0)
            mean = total / buckets if buckets and total is not None else None
            return Answer(mean, {"buckets": float(buckets)}, points)
        case NamedKind.CHANGE:
            before, now = (_value(parts[0], numbers[0], span) for span in range(2))
            return _change(before, now, points)
        case NamedKind.TREND:
            spans = metric.periods
            # What was before the first event is not known to be zero.
            first = min((span for span, _ in numbers[0]), default=spans)
            values = [_value(parts[0], numbers[0], span) for span in range(first, spans)]
            return _trend(values, points)
    raise AssertionError(metric.kind)


def came_back(people: int, returned: int) -> Answer:
    """Retention: the share of people who were active again."""
    breakdown = {"people": float(people), "returned": float(returned)}
    return Answer(returned / people if people else None, breakdown, people)


def churn(people: int, stayed: int) -> Answer:
    """The share of people active in the period before who were not active in this one."""
    breakdown = {
        "active_before": float(people),
        "stayed": float(stayed),
        "lost": float(people - stayed),
    }
    return Answer((people - stayed) / people if people else None, breakdown, people)


def _data_points(numbers: Numbers, *, overlapping: bool) -> int:
    """How many values went into a term. No event counts twice: the parts of a difference are of the same
    events, and so are windows of several spans that overlap, so the larger one counts."""
    by_span: dict[int, int] = {}
    for (span, _), counted in numbers.items():
        by_span[span] = max(by_span.get(span, 0), counted.values)
    return max(by_span.values(), default=0) if overlapping else sum(by_span.values())


def _value(parts: Sequence[Metric], numbers: Numbers, span: int) -> float | None:
    """A term's number in its span of this number. What can be counted is 0 if there is none."""
    values = [_stored(part, numbers.get((span, part.measure), _NOTHING).measure) for part in parts]
    if len(values) == 1:
        return values[0]
    whole, part = values
    return (whole or 0.0) - (part or 0.0)


def _stored(metric: Metric, measure: Measure) -> float | None:
    value = metric_value(metric, measure)
    return 0.0 if value is None and metric.kind in COUNTABLE_KINDS else value


def _ratio(values: Sequence[float | None], points: int) -> Answer:
    names = ("numerator", "denominator")
    breakdown = {
        name: value for name, value in zip(names, values, strict=True) if value is not None
    }
    numerator, denominator = values
    if numerator is None or not denominator:
        return Answer(None, breakdown, points)
    return Answer(numerator / denominator, breakdown, points)


def _change(before: float | None, now: float | None, points: int) -> Answer:
    breakdown = {
        name: value for name, value in (("before", before), ("now", now)) if value is not None
    }
    if before is None or now is None:
        return Answer(None, breakdown, points)
    if before:
        breakdown["share"] = (now - before) / before
    return Answer(now - before, breakdown, points)


def _trend(values: Sequence[float | None], points: int) -> Answer:
    found = trend(values)
    last = values[-1] if values else None
    breakdown = {} if last is None else {"now": last}
    if found is None:
        return Answer(None, breakdown, points)
    breakdown |= {"forecast": found.forecast, "low": found.low, "high": found.high}
    return Answer(found.slope, breakdown, points)

"""What a reader sees of a stored measure, by the kind of its metric."""

from collections.abc import Mapping
from decimal import Decimal

from libs.catalog import Metric, MetricKind
from services.aggregate.bins import quantile
from services.aggregate.model import Measure
from services.aggregate.plan import RollupPlan


def metric_value(metric: Metric, measure: Measure) -> float | None:
    """The metric's value; None if no event had one, and for a quantile that does not know all numbers. An
    average is over the events with a number."""
    if not measure.count:
        return None
    match metric.kind:
        case MetricKind.COUNT | MetricKind.DISTINCT:
            return float(measure.count)
        case MetricKind.SUM:
            return _float(measure.total)
        case MetricKind.AVG:
            return None if measure.total is None else _mean(measure.total, measure.count)
        case MetricKind.MIN:
            return measure.minimum
        case MetricKind.MAX:
            return measure.maximum
        case MetricKind.QUANTILE:
            bins = measure.bins or {}
            if sum(bins.values()) != measure.count:
                # Some numbers were counted before the catalog had a quantile of them.
                return None
            return quantile(bins, metric.at, measure.minimum, measure.maximum)
        case MetricKind.FIRST:
            return None if measure.first_number is None else float(measure.first_number[2])
        case MetricKind.LAST:
            return None if measure.last_number is None else float(measure.last_number[2])
        case MetricKind.ELAPSED:
            if measure.total is None:
                return None
            return _mean(measure.total, measure.count * metric.unit_seconds)
        case MetricKind.DIFFERENCE:
            return None


def cell_values(plan: RollupPlan, measures: Mapping[str, Measure]) -> dict[str, float]:
    """The values of a cell's metrics that the catalog still has, by name."""
    values: dict[str, float] = {}
    for metric in plan.metrics:
        measure = measures.get(metric.measure)
        value = None if measure is None else metric_value(metric, measure)
        if value is not None:
            values[metric.name] = value
    for metric in plan.metrics:
        if metric.kind is MetricKind.DIFFERENCE and any(name in values for name in metric.of):
            whole, part = (values.get(name, 0.0) for name in metric.of)
            values[metric.name] = whole - part
    return values


def _float(total: Decimal | None) -> float | None:
    return None if total is None else float(total)


def _mean(total: Decimal, count: int) -> float:
    # Integers divide exactly and are rounded once; a Decimal quotient would be rounded to 28 digits first.
    numerator, denominator = total.as_integer_ratio()
    return numerator / (denominator * count)

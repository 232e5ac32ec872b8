"""What a reader sees of a stored measure, by the kind of its metric."""

from collections.abc import Mapping
from decimal import Decimal

from libs.catalog import MetricKind
from services.aggregate.model import Measure
from services.aggregate.plan import RollupPlan


def metric_value(kind: MetricKind, measure: Measure) -> float | None:
    """The metric's value; None if no event had one. An average is over the events with a number."""
    if not measure.count:
        return None
    match kind:
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


def cell_values(plan: RollupPlan, measures: Mapping[str, Measure]) -> dict[str, float]:
    """The values of a cell's metrics that the catalog still has, by name."""
    values = {}
    for metric in plan.metrics:
        measure = measures.get(metric.name)
        value = None if measure is None else metric_value(metric.kind, measure)
        if value is not None:
            values[metric.name] = value
    return values


def _float(total: Decimal | None) -> float | None:
    return None if total is None else float(total)


def _mean(total: Decimal, count: int) -> float:
    # Integers divide exactly and are rounded once; a Decimal quotient would be rounded to 28 digits first.
    numerator, denominator = total.as_integer_ratio()
    return numerator / (denominator * count)

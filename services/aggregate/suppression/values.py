"""Which values of a cell that is shown are withheld. Pure."""

from collections.abc import Mapping, Set

from libs.catalog import MetricKind, SourceKind
from services.aggregate.model import Measure
from services.aggregate.plan import RollupPlan
from services.aggregate.suppression.tables import NO_LIMIT, is_few
from services.aggregate.values import cell_values


def shown_values(
    plan: RollupPlan, measures: Mapping[str, Measure], least: int
) -> Mapping[str, float]:
    """The values of a cell's metrics but for those that are withheld."""
    values = cell_values(plan, measures)
    people = people_measure(plan)
    # Nothing that it has is of a person.
    impersonal = bool(people) and not (people in measures and measures[people].count)
    if least == NO_LIMIT or impersonal:
        return values
    hidden = withheld_metrics(plan, measures, least)
    return {name: value for name, value in values.items() if name not in hidden}


def withheld_metrics(plan: RollupPlan, measures: Mapping[str, Measure], least: int) -> Set[str]:
    """The metrics of a cell that are made of fewer than `least` numbers or people, or of all but so few: such
    as the mean of two numbers, or how many did a thing that all but one did."""
    whole = {
        metric.kind: measures[metric.measure].count
        for metric in plan.metrics
        if not metric.conditions and metric.measure in measures
    }
    found = set()
    for metric in plan.metrics:
        measure = measures.get(metric.measure)
        if measure is None or _counts_other_things(plan, metric.measure):
            continue
        others = whole.get(metric.kind, measure.count) - measure.count if metric.conditions else 0
        if is_few(measure.count, least) or is_few(others, least):
            found.add(metric.name)
    return found | {
        metric.name
        for metric in plan.metrics
        if metric.kind is MetricKind.DIFFERENCE and not found.isdisjoint(metric.of)
    }


def is_of_few(plan: RollupPlan, measures: Mapping[str, Measure], least: int) -> bool:
    """Whether a cell is of fewer than `least` people; of a rollup that does not count them, of so few
    events."""
    people = people_measure(plan)
    if people:
        return people in measures and is_few(measures[people].count, least)
    return is_few(max((measure.count for measure in measures.values()), default=0), least)


def people_measure(plan: RollupPlan) -> str:
    """Under which name a rollup stores its people; empty if it does not count them."""
    found = (
        measure.name
        for measure in plan.measures
        if measure.is_distinct
        and not measure.conditions
        and measure.source is not None
        and measure.source.kind is SourceKind.SUBJECT
    )
    return next(found, "")


def _counts_other_things(plan: RollupPlan, name: str) -> bool:
    """Whether a measure counts different values that are no people, such as sessions."""
    return any(
        measure.is_distinct
        and measure.source is not None
        and measure.source.kind is not SourceKind.SUBJECT
        for measure in plan.measures
        if measure.name == name
    )

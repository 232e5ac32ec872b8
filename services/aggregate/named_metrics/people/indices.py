"""Indices: weighted scores of a person and a day. Pure, in decimals."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from libs.catalog import Component, ComponentKind, NamedMetric
from services.aggregate.named_metrics.model import Answer

_FULL = Decimal(100)


@dataclass(frozen=True, slots=True)
class Did:
    """What a person did, as far as one component asks: how many events or active days, and the sum of their
    numbers, if it has any. The `preferred` ones are those of the events that go before all others."""

    count: int = 0
    total: Decimal | None = None
    preferred_count: int = 0
    preferred_total: Decimal | None = None


def score(component: Component, did: Did) -> Decimal | None:
    """0 to 100; None if the person did nothing of it."""
    if not did.count:
        return None
    amount: Decimal = Decimal(did.count)
    if component.kind is ComponentKind.MEAN:
        count, total = did.count, did.total
        if did.preferred_count:
            count, total = did.preferred_count, did.preferred_total
        amount = (total or Decimal()) / count
    return max(Decimal(), min(_FULL, _FULL * amount / component.target))


def index(metric: NamedMetric, did: Sequence[Did]) -> Answer:
    """The sum of the weighted scores. Of a component without any event the weight goes to the others, in
    proportion, or the score is 0, as the catalog has it; no value without any component."""
    points = sum(each.count for each in did)
    scores = [
        score(component, each) for component, each in zip(metric.components, did, strict=True)
    ]
    found = [
        (component, value)
        for component, value in zip(metric.components, scores, strict=True)
        if value is not None
    ]
    breakdown = {component.name: float(value) for component, value in found}
    if not found:
        return Answer(None)
    weighted = sum((component.weight * value for component, value in found), Decimal())
    weights = sum((component.weight for component, _ in found), Decimal())
    value = weighted if metric.missing_is_zero else weighted / weights
    return Answer(float(value), breakdown, points, len(found))

"""How much stands behind a value. Pure."""

import orjson

from libs.catalog import ConfidenceRule, Threshold
from services.aggregate.named_metrics.model import (
    Answer,
    Confidence,
    MetricQuery,
    MetricValue,
    Place,
)


def confidence(rule: ConfidenceRule, answer: Answer) -> Confidence:
    """By the catalog's thresholds, each of which is the least that is needed."""
    if answer.value is None:
        return Confidence.LOW
    if _reaches(rule.high, answer):
        return Confidence.HIGH
    return Confidence.MEDIUM if _reaches(rule.medium, answer) else Confidence.LOW


def _reaches(threshold: Threshold, answer: Answer) -> bool:
    return answer.data_points >= threshold.data_points and answer.components >= threshold.components


def valued(query: MetricQuery, place: Place, answer: Answer) -> MetricValue:
    """An answer as a value of the query."""
    return MetricValue(
        place,
        query.spans[place[0]],
        orjson.loads(place[1]),
        answer,
        confidence(query.metric.confidence, answer),
    )

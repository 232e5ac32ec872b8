"""How much stands behind a value. Pure."""

from libs.catalog import ConfidenceRule, Threshold
from services.aggregate.named_metrics.model import Answer, Confidence


def confidence(rule: ConfidenceRule, answer: Answer) -> Confidence:
    """By the catalog's thresholds, each of which is the least that is needed."""
    if answer.value is None:
        return Confidence.LOW
    if _reaches(rule.high, answer):
        return Confidence.HIGH
    return Confidence.MEDIUM if _reaches(rule.medium, answer) else Confidence.LOW


def _reaches(threshold: Threshold, answer: Answer) -> bool:
    return answer.data_points >= threshold.data_points and answer.components >= threshold.components

"""What a metric's values are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from libs.catalog import NamedMetric
from services.aggregate.model import Measure
from services.aggregate.plan import AppPlan


class Confidence(IntEnum):
    """How much stands behind a value."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime


# Which value of a question, counted from 0, and its dimensions as JSON.
Place = tuple[int, str]
NO_DIMENSIONS = "{}"


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A metric over some spans, one value for each and for each group of dimension values. `filters` are
    dimensions and canonical JSON. Values come after the place `after`, `limit` of them at most."""

    app: AppPlan
    metric: NamedMetric
    spans: Sequence[Span]
    filters: Sequence[tuple[str, str]] = ()
    after: Place = (0, "")
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class Counted:
    """A rollup's number over several cells: `values` are how many values went into it, which for people are
    their buckets."""

    measure: Measure
    values: int


# Of one term at one place: what each of its spans came to, by the span's number and the metric's name.
Numbers = Mapping[tuple[int, str], Counted]


@dataclass(frozen=True, slots=True)
class Answer:
    """A metric's number: None if there is none. `components` is how many parts of an index it has."""

    value: float | None
    breakdown: Mapping[str, float] = field(default_factory=dict)
    data_points: int = 0
    components: int = 0


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric's number in one span and group."""

    place: Place
    span: Span
    dimensions: Mapping[str, Any]
    answer: Answer
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class MetricPage:
    """Values in their order, and where the ones after them begin; None if these are all."""

    values: Sequence[MetricValue]
    following: Place | None

"""The numbers of a rollup's cell: how each is computed from events. Nothing here changes after loading."""

import json
from dataclasses import dataclass
from enum import StrEnum

from libs.catalog.source import Source


class MetricKind(StrEnum):
    """How a metric is computed from the events of a cell."""

    COUNT = "count"
    DISTINCT = "distinct"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    QUANTILE = "quantile"
    FIRST = "first"
    LAST = "last"
    # From other metrics of its cell, when it is read.
    DIFFERENCE = "difference"
    # From stored events, when it is read.
    ELAPSED = "elapsed"


# Those of which an absent value is a zero.
COUNTABLE_KINDS = frozenset({MetricKind.COUNT, MetricKind.DISTINCT, MetricKind.SUM})
NUMERIC_KINDS = frozenset(
    {
        MetricKind.SUM,
        MetricKind.AVG,
        MetricKind.MIN,
        MetricKind.MAX,
        MetricKind.QUANTILE,
        MetricKind.FIRST,
        MetricKind.LAST,
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """Events whose value of `source` is one of `values`: the canonical JSON of each, sorted. Only values of
    properties can be something else than a text."""

    source: Source
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.source}=[{','.join(self.values)}]"


# All of them hold; none: every event.
Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a cell. `source` is None for a count and a difference, and only then. Only events that
    meet all `conditions` count. `at` is the share of a quantile, `of` the two metrics of a difference.

    `measure` is the name under which its state is stored; empty for a difference. All that are computed from
    the same numbers share one, that of the first of them in the catalog.

    The time that has elapsed is that since the person's newest event `since` of the same bucket, in units of
    `unit_seconds`. It is not stored.
    """

    name: str
    kind: MetricKind
    source: Source | None
    conditions: Conditions = ()
    at: float = 0.0
    of: tuple[str, ...] = ()
    measure: str = ""
    since: str = ""
    unit_seconds: int = 0


def canonical(value: str | int | float | bool) -> str:
    """A value as a condition has it: JSON, whole numbers as integers."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)

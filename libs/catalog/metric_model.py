"""Metrics: numbers that are worked out from rollups and, of single people, from events. Nothing here changes
after loading."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from libs.catalog.metric import Conditions
from libs.catalog.period import Period


class NamedKind(StrEnum):
    """How a metric is worked out; `docs/metrics.md` has the definitions."""

    VALUE = "value"
    RATIO = "ratio"
    AVERAGE = "average"
    CHANGE = "change"
    TREND = "trend"
    RETENTION = "retention"
    CHURN = "churn"
    # Of single people.
    STREAK = "streak"
    INDEX = "index"
    COUNTS = "counts"


PERSONAL_KINDS = frozenset({NamedKind.STREAK, NamedKind.INDEX, NamedKind.COUNTS})


@dataclass(frozen=True, slots=True)
class Term:
    """One number of a rollup, over the cells with these dimension values: label and canonical JSON. It is
    over a period; or over the `window_days` that end with it; or, `so_far`, from the start of its day on."""

    rollup: str
    metric: str
    where: tuple[tuple[str, str], ...] = ()
    window_days: int = 0
    so_far: bool = False


class ComponentKind(StrEnum):
    """What a component of an index is made of."""

    # The mean of a property of the day's events.
    MEAN = "mean"
    # How many events there were on the day.
    COUNT = "count"
    # On how many of the last days the person was counted by a rollup.
    ACTIVE_DAYS = "active_days"


@dataclass(frozen=True, slots=True)
class Component:
    """A part of an index: a score of 0 to 100, which it reaches at `target`. `events` and `conditions` say
    which events; of a mean, `path` is the property, and events that meet `prefer` go before all others. Of
    active days, `active` is the rollup's number of people, and `days` how many days are looked at."""

    name: str
    weight: Decimal
    kind: ComponentKind
    target: Decimal
    events: frozenset[str] = frozenset()
    conditions: Conditions = ()
    path: tuple[str, ...] = ()
    prefer: Conditions = ()
    active: Term | None = None
    days: int = 0


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least of both for a confidence."""

    components: int
    data_points: int


@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """When a value has a high or medium confidence; otherwise it is low."""

    high: Threshold
    medium: Threshold


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric by its name. There is a value for each `period`, and for each combination of the dimensions
    `by`.

    `terms` are what the kind needs: the number itself; numerator and denominator; who entered and who was
    active; who was active. `periods` is how many a trend looks at, `after_days` after how many days people
    are to be back. `components` are those of an index, whose missing ones are zero if `missing_is_zero`;
    `events` are those of counts.
    """

    name: str
    description: str
    kind: NamedKind
    period: Period
    by: tuple[str, ...]
    terms: tuple[Term, ...]
    confidence: ConfidenceRule
    periods: int = 0
    after_days: int = 0
    components: tuple[Component, ...] = ()
    missing_is_zero: bool = False
    events: frozenset[str] = frozenset()

    @property
    def is_personal(self) -> bool:
        """Whether its values are those of single people."""
        return self.kind in PERSONAL_KINDS

    @property
    def has_window(self) -> bool:
        """Whether a value looks beyond its own period."""
        return any(term.window_days or term.so_far for term in self.terms)

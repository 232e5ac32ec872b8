"""What a funnel is asked with, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.events.filtering.fields import Field
from services.aggregate.behaviour.model import EventRule, Span, all_names


@dataclass(frozen=True, slots=True)
class FunnelQuery:
    """People of an app who enter from `start` until before `end`, with events until before `read_until`.
    `in_order`: each step comes after the one before it, all within `window` from the first."""

    app_id: str
    start: datetime
    end: datetime
    read_until: datetime
    steps: Sequence[EventRule]
    window: timedelta
    in_order: bool
    breakdown: Field | None
    max_groups: int

    @property
    def span(self) -> Span:
        """The events that are read."""
        reads_rows = self.breakdown is not None or any(step.reads_rows for step in self.steps)
        return Span(self.app_id, self.start, self.read_until, all_names(self.steps), reads_rows)


@dataclass(frozen=True, slots=True)
class StepCount:
    """The people who reached a step, and the median and the 90th percentile of their times from the step
    before, in microseconds; None for the first step and without people."""

    people: int
    median_us: int | None
    p90_us: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """A funnel of the people with a value, which is the text of JSON, None without a value."""

    value: str | None
    steps: Sequence[StepCount]


@dataclass(frozen=True, slots=True)
class FunnelTable:
    """A funnel of all people, of the largest groups, the largest first, and of all others, None if there are
    none. `is_cut`: values that came late were not counted one by one, and are among the others."""

    total: Sequence[StepCount]
    groups: Sequence[Group]
    others: Sequence[StepCount] | None
    is_cut: bool

"""What a funnel is asked with, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.events.filtering.fields import Field
from services.aggregate.behaviour.model import EventRule, Span, all_names


@dataclass(frozen=True, slots=True)
class FunnelPart:
    """Some of a funnel's steps, by their numbers from 0, and the events in which they are found."""

    steps: Sequence[int]
    span: Span


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
    def parts(self) -> Sequence[FunnelPart]:
        """The steps whose events the index alone tells, and those that need the rows: with a filter, or asked
        for the value of the breakdown. One part at least; an event that is in both is of different steps."""
        found: dict[bool, list[int]] = {False: [], True: []}
        for number, step in enumerate(self.steps):
            gives_value = self.breakdown is not None and self.is_entry(number)
            found[step.reads_rows or gives_value].append(number)
        return [
            FunnelPart(numbers, self._span([self.steps[number] for number in numbers], reads_rows))
            for reads_rows, numbers in found.items()
            if numbers
        ]

    def is_entry(self, step: int) -> bool:
        """Whether people enter by the events of this step."""
        return step == 0 or not self.in_order

    def _span(self, steps: Sequence[EventRule], reads_rows: bool) -> Span:
        return Span(self.app_id, self.start, self.read_until, all_names(steps), reads_rows)


@dataclass(frozen=True, slots=True)
class StepCount:
    """The people who reached a step, and the median and the 90th percentile of their times from the step
    before, in microseconds; None for the first step and without people."""

    people: int
    median_us: int | None
    p90_us: int | None


@dataclass(frozen=True, slots=True)
class FunnelGroup:
    """A funnel of the people with a value, which is the text of JSON, None without a value."""

    value: str | None
    steps: Sequence[StepCount]


@dataclass(frozen=True, slots=True)
class FunnelTable:
    """A funnel of all people, of the largest groups, the largest first, and of all others, None if there are
    none. `is_cut`: values that came late were not counted one by one, and are among the others."""

    total: Sequence[StepCount]
    groups: Sequence[FunnelGroup]
    others: Sequence[StepCount] | None
    is_cut: bool

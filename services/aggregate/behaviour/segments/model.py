"""Which segment is asked for, and what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from libs.events.filtering.fields import Field
from services.aggregate.behaviour.model import EventRule, Span, all_names


class Comparison(StrEnum):
    """How a number of events is compared; the values are SQL's."""

    AT_LEAST = ">="
    AT_MOST = "<="
    EXACTLY = "="


@dataclass(frozen=True, slots=True)
class Rule:
    """How often a person did what `events` finds."""

    events: EventRule
    comparison: Comparison
    times: int


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """People of an app for whom all rules hold, by their events from `start` until before `end`."""

    app_id: str
    start: datetime
    end: datetime
    rules: Sequence[Rule]
    breakdown: Field | None
    max_groups: int

    @property
    def active_span(self) -> Span:
        """The events of all people who can be in a segment."""
        return Span(self.app_id, self.start, self.end, None, self.breakdown is not None)

    @property
    def rule_span(self) -> Span:
        """The events that the rules count."""
        events = [rule.events for rule in self.rules]
        reads_rows = any(rule.reads_rows for rule in events)
        return Span(self.app_id, self.start, self.end, all_names(events), reads_rows)


@dataclass(frozen=True, slots=True)
class CountedPeople:
    """How many people were active, how many of them are in the segment, and how many of these have a value,
    the text of JSON or None, the largest first."""

    active: int
    people: int
    groups: Sequence[tuple[str | None, int]]


@dataclass(frozen=True, slots=True)
class SegmentGroup:
    """A group of a segment; `is_other`: all those that are not listed."""

    value: str | None
    is_other: bool
    people: int


@dataclass(frozen=True, slots=True)
class Segment:
    """What is shown of a segment; `people` is None if it is withheld, and then no group is listed."""

    active: int
    people: int | None
    groups: Sequence[SegmentGroup]

"""Which cohorts are asked for, and what they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from libs.catalog import Period
from libs.events.filtering.fields import Field
from services.aggregate.behaviour.model import EventRule, Span

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """The first event of a person that a rule finds; if there is a `field`, that has a value in it."""

    rule: EventRule
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class CohortsQuery:
    """People of an app who entered from `first` until before `past`, which are begins of periods.

    `entry` None: by being active first. `active` None: the catalog's activity by the members of its days;
    else these events, from `first` until before `read_until`. `days`, if there are any: so many days after
    each one's own, instead of periods. `periods` None: up to the newest with activity.
    """

    app_id: str
    period: Period
    first: datetime
    past: datetime
    entry: Entry | None = None
    active: EventRule | None = None
    read_until: datetime = _END
    on_or_after: bool = False
    periods: int | None = None
    days: tuple[int, ...] = ()
    max_values: int = 20

    @property
    def entry_span(self) -> Span | None:
        """The events that may be entries. All older ones too: the first one counts."""
        if self.entry is None:
            return None
        rule = self.entry.rule
        reads_rows = rule.reads_rows or self.entry.field is not None
        return Span(self.app_id, _BEGINNING, self.past, rule.names, reads_rows)

    @property
    def active_span(self) -> Span | None:
        """The events that make active; None for those of stored members."""
        if self.active is None:
            return None
        rule = self.active
        return Span(self.app_id, self.first, self.read_until, rule.names, rule.reads_rows)

    @property
    def unit(self) -> Period:
        """What entries and activity are rounded to."""
        return Period.DAY if self.days else self.period


@dataclass(frozen=True, slots=True)
class CohortRow:
    """People who entered in the period, or on the day, `cohort` with a value, and were active in `active`;
    None: all who entered. `value` is the text of JSON."""

    cohort: datetime
    value: str | None
    is_other: bool
    active: datetime | None
    people: int


@dataclass(frozen=True, slots=True)
class Point:
    """Of `people`, `active` were active at this offset; `end` is when its time is over for all of them."""

    offset: int
    people: int
    active: int
    end: datetime


@dataclass(frozen=True, slots=True)
class Cohort:
    """The people who entered in a period, with a value. `active` is how many were active at an offset; if a
    person counts up to their last activity, how many were active then for the last time. `over` is, with
    days, of how many the day at an offset is over. `last` is the last offset, without days."""

    start: datetime
    value: str | None
    is_other: bool
    size: int
    active: Mapping[int, int]
    over: Mapping[int, int]
    last: int

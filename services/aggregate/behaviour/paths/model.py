"""Which paths are asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.aggregate.behaviour.model import Span


@dataclass(frozen=True, slots=True)
class PathsQuery:
    """Paths of an app's people from, or if `is_backward` to, the events called `anchor` that occurred from
    `start` until before `end`: `depth` steps, each at most `gap` after the one before. Events called as in
    `exclude` are passed over."""

    app_id: str
    start: datetime
    end: datetime
    read_from: datetime
    read_until: datetime
    anchor: str
    is_backward: bool
    depth: int
    gap: timedelta
    exclude: frozenset[str]

    @property
    def span(self) -> Span:
        """The events that are read; those that are passed over among them."""
        return Span(self.app_id, self.read_from, self.read_until, None)


@dataclass(frozen=True, slots=True)
class Row:
    """`count` paths of `people` people went at this step from `event` to `next`; "" for nothing within the
    gap."""

    step: int
    event: str
    next: str
    count: int
    people: int


@dataclass(frozen=True, slots=True)
class PathTable:
    """All rows, by step, the largest first; and the number of paths."""

    rows: tuple[Row, ...]
    paths: int

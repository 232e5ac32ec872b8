"""Which events are asked for, and their places in the order of time."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.events.filtering.compile import Condition, compile_filter
from libs.events.filtering.syntax import Node
from libs.events.model import StoredEvent


@dataclass(frozen=True, slots=True)
class EventSelection:
    """The events of an app that occurred from `start` until before `end`, that the filter finds and for which
    all of `conditions` hold. These are for what a filter cannot say."""

    app_id: str
    start: datetime
    end: datetime
    filter: Node | None = None
    conditions: tuple[Condition, ...] = ()

    def condition(self) -> Condition:
        """All conditions in one. Raises FilterError."""
        parts = [compile_filter(self.filter), *self.conditions]
        return Condition(
            " AND ".join(part.sql for part in parts),
            {name: value for part in parts for name, value in part.parameters.items()},
        )


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an event among those of its app, in the order of time: its key."""

    occurred_at: datetime
    event_uuid: uuid.UUID
    retention_class: str


@dataclass(frozen=True, slots=True)
class SelectedPage:
    """Some events, and the place after which to go on; None if these were the last. A page may be short, or
    empty, and there are more events all the same."""

    events: Sequence[StoredEvent]
    next: Place | None


@dataclass(frozen=True, slots=True)
class ExportedLine:
    """An event as a line of a file, in UTF-8, with the end of the line."""

    data: bytes
    place: Place


@dataclass(frozen=True, slots=True)
class LinePage:
    """Some lines, and the place after which to go on, see `SelectedPage`."""

    lines: Sequence[ExportedLine]
    next: Place | None

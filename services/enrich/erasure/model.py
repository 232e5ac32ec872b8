"""The values of an erasure in enrich."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from libs.catalog import RETENTION_CLASSES

# Before those of all events.
_NO_TIME, NO_ID = datetime.min.replace(tzinfo=UTC), UUID(int=0)


@dataclass(frozen=True, slots=True)
class NamingEvent:
    """An event of another person that may name the one who is erased."""

    event_uuid: UUID
    occurred_at: datetime
    name: str
    # None if it is the UUID itself.
    event_id: str | None
    session_id: str | None
    group_id: str | None
    entity_type: str | None
    entity_id: str | None
    request_id: str | None
    context: dict[str, Any] | None
    attribution: dict[str, Any] | None
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an app's events: behind one of them, in the order of retention classes, names, times and
    ids. None of these changes when partitions are made and merged."""

    retention_class: str
    name: str = ""
    occurred_at: datetime = _NO_TIME
    event_uuid: UUID = NO_ID

    @classmethod
    def first(cls) -> Self:
        """Before all events."""
        return cls(next(iter(RETENTION_CLASSES)))

    def next_class(self) -> "Place | None":
        """Before all events of the class behind this one's; None behind the last."""
        classes = list(RETENTION_CLASSES)
        behind = classes[classes.index(self.retention_class) + 1 :]
        return Place(behind[0]) if behind else None

    def to_json(self) -> Mapping[str, str]:
        """For a journal."""
        return {
            "class": self.retention_class,
            "name": self.name,
            "time": self.occurred_at.isoformat(),
            "id": str(self.event_uuid),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, str]) -> Self:
        """The place that `to_json` wrote."""
        return cls(
            found["class"],
            found["name"],
            datetime.fromisoformat(found["time"]),
            UUID(found["id"]),
        )


@dataclass(frozen=True, slots=True)
class Examined:
    """Some events that were looked at: how many, those of them that may name the person, and the place behind
    the last; None if there are no more of their name."""

    events: int
    naming: Sequence[NamingEvent]
    behind: Place | None

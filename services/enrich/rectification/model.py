"""The values of a rectification in enrich."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.common.clock import us_of

Path = tuple[str, ...]
NO_VALUE: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the person as it is stored: which version of the row was read, and what it says.
    `properties` may have sealed values."""

    version: str
    event_uuid: UUID
    occurred_at: datetime
    received_at: datetime
    retention_class: str
    name: str
    schema_version: str
    subject_id: str | None
    anonymous_id: str | None
    person: UUID | None
    properties: Mapping[str, Any] = field(kw_only=True)

    @property
    def oldest_us(self) -> int:
        """When it occurred, or was received if its sender's clock was ahead: microseconds since the epoch."""
        return us_of(min(self.occurred_at, self.received_at))


@dataclass(frozen=True, slots=True)
class Corrected:
    """What an event is to say: all its properties; the names of those that have to be sealed; by path, the
    values before and after, in tuples that are empty for no value; and the places to be written, so that all
    others stay as they are stored, to the last digit."""

    properties: Mapping[str, Any]
    to_seal: frozenset[str]
    values: Mapping[str, tuple[tuple[Any, ...], tuple[Any, ...]]]
    written: Sequence[Path]


def value_at(properties: Mapping[str, Any], path: Path) -> tuple[Any, ...]:
    """The value at a path, in a tuple that is empty if there is none."""
    here: Any = properties
    for step in path:
        if not isinstance(here, Mapping) or step not in here:
            return NO_VALUE
        here = here[step]
    return (here,)

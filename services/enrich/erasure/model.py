"""The values of an erasure in enrich."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class NamingEvent:
    """An event of another person that may name the one who is erased."""

    event_uuid: UUID
    occurred_at: datetime
    name: str
    entity_type: str | None
    entity_id: str | None
    properties: dict[str, Any]

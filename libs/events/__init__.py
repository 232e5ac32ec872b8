"""The stored events, for everyone who reads them: published columns and queries (ADR 18)."""

from libs.events.columns import COLUMNS, EventColumn
from libs.events.model import DailyCount, EventCursor, EventPage, StoredEvent

__all__ = ["COLUMNS", "DailyCount", "EventColumn", "EventCursor", "EventPage", "StoredEvent"]

"""Stored events as `weir events` shows them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cli.tables import Column

# When, and what.
EVENT_COLUMNS_AT_LEAST = 2
# The rest is in JSON and in exports.
# `subject` is the subject id or, of an event without one, the anonymous id.
_SHOWN = ("name", "subject", "event_id", "group_id", "entity", "country", "properties")
_IDS = frozenset({"event_id", "subject", "group_id"})


def event_columns(events: Sequence[Mapping[str, Any]]) -> list[Column]:
    """When, and what a reader looks for first; a table has no columns that are empty at all events."""
    columns = [
        Column("occurred_at", "occurred_at", [event["occurred_at"] for event in events], True)
    ]
    for name in _SHOWN:
        cells = [_cell(event, name) or None for event in events]
        columns.append(Column(name, name, cells, is_id=name in _IDS, only_in_csv=not any(cells)))
    return columns


def _cell(event: Mapping[str, Any], name: str) -> str:
    match name:
        case "subject":
            return str(event.get("subject_id") or event.get("anonymous_id") or "")
        case "entity":
            parts = (event.get("entity_type"), event.get("entity_id"))
            return " ".join(part for part in parts if part)
        case "properties":
            found = event.get("properties")
            return json.dumps(found, ensure_ascii=False, sort_keys=True) if found else ""
        case _:
            return str(event.get(name) or "")

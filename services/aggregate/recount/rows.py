"""Stored events in the form in which counting takes them. Pure."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson

from libs.catalog.event_words import ENVIRONMENTS, PRODUCERS
from libs.events.model import RecountedEvent
from services.aggregate.model import StoredBatch

_NO_ID = b""


def page_of(app_id: str, rows: Sequence[RecountedEvent]) -> StoredBatch:
    """The events as if they had come in one batch, each with its own enrichment."""
    events: list[Any] = [EventView(row) for row in rows]
    return StoredBatch(_NO_ID, app_id, events, rows, range(len(rows)), frozenset())


class EventView:
    """A stored event with the attributes of a `weir.common.v1.Event` that sources name."""

    def __init__(self, row: RecountedEvent) -> None:
        self._row = row
        self.name = row.name
        self.event_id = row.event_id
        self.properties_json = row.properties
        self.subject_id = row.subject_id
        self.anonymous_id = row.anonymous_id
        self.group_id = row.group_id
        self.session_id = row.session_id
        self.schema_version = row.schema_version

    @property
    def occurred_at(self) -> RecountedEvent:
        """It has the `seconds` and `nanos`."""
        return self._row

    @property
    def producer(self) -> int:
        """As the message has it."""
        return _number(PRODUCERS, self._row.producer)

    @property
    def environment(self) -> int:
        """As the message has it."""
        return _number(ENVIRONMENTS, self._row.environment)

    @property
    def entity(self) -> "_Texts":
        """What it happened to."""
        return _Texts({"type": self._row.entity_type, "id": self._row.entity_id})

    @cached_property
    def context(self) -> "_Texts":
        """The circumstances."""
        return _Texts(orjson.loads(self._row.context))

    @cached_property
    def attribution(self) -> "_Texts":
        """The campaign."""
        return _Texts(orjson.loads(self._row.attribution))


class _Texts:
    """The fields of a message part; one that is not set is an empty text."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        return self._values.get(name, "")


def _number(names: tuple[str, ...], text: str) -> int:
    # What a later release wrote down is its number.
    return names.index(text) if text in names else int(text)

"""What of a file stays when a person is erased from the archive. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.clock import moment_of
from libs.common.subject_data import Erasure
from libs.events.columns import COLUMNS
from libs.events.digest import Row, Value
from libs.events.person import is_behind, is_owned, may_name
from services.enrich.erasure.mentions import without_mentions
from services.enrich.erasure.model import NamingEvent

PROPERTIES = [column.name for column in COLUMNS].index("properties")
_AT = {column.name: position for position, column in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class Erased:
    """Whom to erase. `entity_types` and `measures` are those of the app's catalog, as for stored events;
    without `names_others` events of others are not looked at."""

    erasure: Erasure
    names_others: bool
    entity_types: tuple[str, ...] = ()
    measures: tuple[tuple[str, ...], ...] = ()

    @property
    def looks_at_others(self) -> bool:
        """Whether mentions in events of others go, too: not if only some of the person's events go."""
        return self.names_others and self.erasure.names is None


@dataclass(slots=True)
class ErasedRows:
    """What was done in a file."""

    erased: int = 0
    anonymized: int = 0
    withheld: int = 0

    def without(self, who: Erased, rows: Sequence[Row]) -> list[Row]:
        """The rows that stay, without the person; counts what is done. What has changed is a list, whose
        properties are not as Postgres writes them."""
        return [kept for row in rows if (kept := self._kept(who, row)) is not None]

    def _kept(self, who: Erased, row: Row) -> Row | None:
        erasure = who.erasure
        moments = _moment(row, "occurred_at"), _moment(row, "received_at")
        if not is_behind(erasure.fenced_at, *moments):
            return row
        if not _is_of(erasure, row):
            return self._without_mentions(who, row) if who.looks_at_others else row
        name = str(row[_AT["name"]])
        if name in erasure.withheld:
            self.withheld += 1
            return row
        if erasure.names is not None and name not in erasure.names:
            return row
        self.erased += 1
        return None

    def _without_mentions(self, who: Erased, row: Row) -> Row:
        subject = who.erasure.subject
        text, entity_id = str(row[_AT["properties"]]), _text(row[_AT["entity_id"]])
        if not may_name(subject, entity_id, text):
            return row
        event_uuid = row[_AT["event_uuid"]]
        assert isinstance(event_uuid, UUID)
        event = NamingEvent(
            event_uuid,
            _moment(row, "occurred_at"),
            str(row[_AT["name"]]),
            _text(row[_AT["entity_type"]]),
            entity_id,
            json.loads(text),
        )
        changed = without_mentions(event, subject, who.entity_types, who.measures)
        if changed is None:
            return row
        self.anonymized += 1
        values = list(row)
        values[_AT["entity_id"]] = changed.entity_id
        if changed.properties != event.properties:
            values[_AT["properties"]] = json.dumps(changed.properties, ensure_ascii=False)
        return values


def _is_of(erasure: Erasure, row: Row) -> bool:
    """Whether it is an event of the person."""
    person = row[_AT["person"]]
    assert person is None or isinstance(person, UUID)
    ids = _text(row[_AT["subject_id"]]), _text(row[_AT["anonymous_id"]])
    return is_owned(erasure.subject, person, *ids)


def _moment(row: Row, name: str) -> datetime:
    moment = row[_AT[name]]
    assert isinstance(moment, int)
    return moment_of(moment)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)

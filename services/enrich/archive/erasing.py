"""What of a file stays when a person is erased from the archive. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from libs.common.clock import moment_of
from libs.common.subject_data import Erasure
from libs.events.columns import COLUMNS
from libs.events.digest import Row, Value
from libs.events.person import (
    NAMING_DOCUMENTS,
    NAMING_TEXTS,
    is_behind,
    is_owned,
    may_name,
)
from services.enrich.erasure.mentions import without_mentions
from services.enrich.erasure.model import NamingEvent

# Of a row, the places of what it has as JSON.
JSON_PLACES = [place for place, column in enumerate(COLUMNS) if column.type == "jsonb"]
_AT = {column.name: position for position, column in enumerate(COLUMNS)}


@dataclass(frozen=True, slots=True)
class Erased:
    """Whom to erase. `entity_types` and `measures` are those of the app's catalog, as for stored events;
    without `may_hold_others` events of others are not looked at."""

    erasure: Erasure
    may_hold_others: bool
    entity_types: tuple[str, ...] = ()
    measures: tuple[tuple[str, ...], ...] = ()

    @property
    def looks_at_others(self) -> bool:
        """Whether mentions in events of others go, too: not if only some of the person's events go."""
        return self.may_hold_others and self.erasure.names is None


@dataclass(slots=True)
class ErasedRows:
    """What was done in a file."""

    erased: int = 0
    anonymized: int = 0
    withheld: int = 0

    def without(self, who: Erased, rows: Sequence[Row]) -> list[Row]:
        """The rows that stay, without the person; counts what is done. What has changed is a list, whose JSON
        is not as Postgres writes it."""
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
        event_uuid, event_id = row[_AT["event_uuid"]], _text(row[_AT["event_id"]])
        assert isinstance(event_uuid, UUID)
        texts = {name: _text(row[_AT[name]]) for name in NAMING_TEXTS}
        written = {name: _text(row[_AT[name]]) for name in NAMING_DOCUMENTS}
        sent = event_id or str(event_uuid)
        if not may_name(subject, (sent, *texts.values()), written.values()):
            return row
        documents = {name: text and json.loads(text) for name, text in written.items()}
        values: dict[str, Any] = {**texts, **documents}
        event = NamingEvent(
            event_uuid, _moment(row, "occurred_at"), str(row[_AT["name"]]), event_id, **values
        )
        # Nothing is compared with ids of archived events.
        changed = without_mentions(
            event, subject, who.entity_types, who.measures, lambda _: uuid4()
        )
        if changed is None:
            return row
        self.anonymized += 1
        left = list(row)
        for name in ("event_uuid", "event_id", *NAMING_TEXTS):
            left[_AT[name]] = getattr(changed, name)
        for name in NAMING_DOCUMENTS:
            if (found := getattr(changed, name)) != documents[name]:
                left[_AT[name]] = None if found is None else json.dumps(found, ensure_ascii=False)
        return left


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

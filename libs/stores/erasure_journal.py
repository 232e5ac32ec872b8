"""What a service has done so far for an erasure, or a rectification, in its own schema: written in the
transactions of the changes themselves.

So the counts are those of what is committed, whatever died in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.subject_data import StoreCounts


@dataclass(slots=True)
class ErasureEntry:
    """One request in one service. `position` says how far it has come, in the words of the service; `changed`
    has the days, as `2026-11-22`, on which events of a name were erased or changed."""

    request_id: UUID
    position: dict[str, Any] = field(default_factory=dict)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)

    def add(self, store: str, *, erased: int = 0, anonymized: int = 0) -> None:
        """Counts what was done in a store; also nothing, so that the receipt names the store."""
        found = self.stores.setdefault(store, {"erased": 0, "anonymized": 0})
        found["erased"] += erased
        found["anonymized"] += anonymized

    def withhold(self, store: str, rows: int, why: str) -> None:
        """Says how many rows stayed in a store, and why."""
        found = self.stores.setdefault(store, {"erased": 0, "anonymized": 0})
        found |= {"withheld": rows, "withheld_because": why}

    def note_changed(self, name: str, day: str) -> None:
        """Notes a day with events of a name that are not as they were."""
        days = self.changed.setdefault(name, [])
        if day not in days:
            days.append(day)

    def counts(self) -> list[StoreCounts]:
        """The counts of each store."""
        return [StoreCounts(store, **counts) for store, counts in sorted(self.stores.items())]


class ErasureJournal:
    """The erasures and rectifications of one service, in the table `erasures` of its schema."""

    def __init__(self, schema: str) -> None:
        self._add = _statement(
            schema,
            "INSERT INTO {schema}.erasures (request_id, position, stores, changed)"
            " VALUES (:request_id, '{{}}', '{{}}', '{{}}') ON CONFLICT DO NOTHING",
        )
        self._lock = _statement(
            schema,
            "SELECT position, stores, changed FROM {schema}.erasures WHERE request_id = :request_id"
            " FOR UPDATE",
        )
        self._save = _statement(
            schema,
            "UPDATE {schema}.erasures SET position = CAST(:position AS jsonb),"
            " stores = CAST(:stores AS jsonb), changed = CAST(:changed AS jsonb)"
            " WHERE request_id = :request_id",
        )

    async def open(self, connection: AsyncConnection, request_id: UUID) -> ErasureEntry:
        """The entry, held against every other process until the transaction ends."""
        values = {"request_id": request_id}
        await connection.execute(self._add, values)
        row = (await connection.execute(self._lock, values)).one()
        return ErasureEntry(request_id, *(dict(each) for each in row))

    async def save(self, connection: AsyncConnection, entry: ErasureEntry) -> None:
        """Writes the entry in the transaction that has opened it."""
        values: Mapping[str, Any] = {
            "request_id": entry.request_id,
            "position": orjson.dumps(entry.position).decode(),
            "stores": orjson.dumps(entry.stores).decode(),
            "changed": orjson.dumps(entry.changed).decode(),
        }
        await connection.execute(self._save, values)


def _statement(schema: str, template: str) -> TextClause:
    return text(template.format(schema=schema))

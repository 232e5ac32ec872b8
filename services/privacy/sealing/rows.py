"""Opens sealed values in the rows of a person's export."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from libs.common.exact_json import exact_dumps, exact_loads
from libs.sealing import DataKey, Place
from libs.sealing.keyring import Keyring
from libs.sealing.values import MARK, open_properties, sealed_in
from services.privacy.sealing.model import row_of
from services.privacy.sealing.ports import KeyStore

_MARK = MARK.encode()


class OpenedRows:
    """Implements `exports.ports.SealedValues` for rows with `event_uuid` and `properties`; others stay as
    they are. The export itself is on record, with who asked for it."""

    def __init__(self, store: KeyStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def opened(self, app_id: str, lines: Sequence[bytes]) -> Sequence[bytes]:
        """See the port. Raises KeyringError, and what the store raises."""
        rows = {
            position: row
            for position, line in enumerate(lines)
            if _MARK in line and _has_properties(row := exact_loads(line))
        }
        wanted = {
            UUID(bytes=sealed.key_id)
            for row in rows.values()
            for _, sealed in sealed_in(row["properties"])
        }
        if not wanted:
            return lines
        stored = await self._store.with_ids(app_id, wanted)
        secrets = await self._keyring.unwrap(
            [(key.wrapped, row_of(key.app_id, key.person, key.key_id)) for key in stored]
        )
        keys = {
            key.key_id.bytes: (key.person.bytes, DataKey(key.key_id.bytes, secret))
            for key, secret in zip(stored, secrets, strict=True)
        }
        opened = list(lines)
        for position, row in rows.items():
            # A row does not have the pseudonym that its values were sealed for; their keys do.
            for person, key in keys.values():
                place = Place(app_id, person, UUID(row["event_uuid"]).bytes)
                row["properties"] = open_properties(row["properties"], {key.key_id: key}.get, place)
            opened[position] = exact_dumps(row)
        return opened


def _has_properties(row: Any) -> bool:
    return isinstance(row.get("properties"), dict) and isinstance(row.get("event_uuid"), str)

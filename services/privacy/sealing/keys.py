"""Makes, wraps and unwraps the keys of people."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from libs.sealing.aes_gcm import KEY_BYTES
from libs.sealing.keyring import Keyring, PlainKey
from services.privacy.sealing.model import KeyOfPerson, StoredKey, row_of
from services.privacy.sealing.ports import KeyStore


@dataclass(frozen=True, slots=True)
class SealingKey:
    """What a person's values are sealed with now: id and secret, both empty if no key may be made for what
    is to be sealed; and when one was last retired, as a destroyed one was as well."""

    key_id: bytes
    secret: bytes
    retired_at: datetime | None


class Keys:
    """The keys of people, in a store that has them wrapped only."""

    def __init__(
        self,
        store: KeyStore,
        keyring: Keyring,
        *,
        new_secret: Callable[[], bytes] = lambda: os.urandom(KEY_BYTES),
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._new_secret = new_secret
        self._new_id = new_id

    async def for_sealing(
        self, app_id: str, latest: Mapping[UUID, datetime]
    ) -> Mapping[UUID, SealingKey]:
        """The key of each person; `latest` says when the latest event occurred that is to be sealed. Raises
        KeyringError, and what the store raises."""
        found = dict(await self._store.of_people(app_id, latest))
        missing = {
            person: latest[person]
            for person, one in found.items()
            if one.key is None and (one.retired_at is None or one.retired_at < latest[person])
        }
        made = await self._make(app_id, missing) if missing else {}
        # Others may have made some of them, or destroyed one, meanwhile.
        if others := missing.keys() - made:
            found |= await self._store.of_people(app_id, others)
        secrets = await self._unwrapped(
            [one.key for person, one in found.items() if one.key and person not in made]
        )
        stored = {
            person: _sealing_key(one, secrets)
            for person, one in found.items()
            if person not in made
        }
        return stored | made

    async def for_opening(self, app_id: str, key_ids: Collection[UUID]) -> Mapping[UUID, bytes]:
        """The secrets of those keys that the app has and that are not destroyed, by id. Raises
        KeyringError, and what the store raises."""
        return await self._unwrapped(await self._store.with_ids(app_id, key_ids))

    async def _make(self, app_id: str, latest: Mapping[UUID, datetime]) -> dict[UUID, SealingKey]:
        """The keys that were made and stored, by person."""
        new = [(person, self._new_id(), self._new_secret()) for person in latest]
        wrapped = await self._keyring.wrap(
            [PlainKey(secret, row_of(app_id, person, key_id)) for person, key_id, secret in new]
        )
        stored = await self._store.add(
            [
                StoredKey(key_id, app_id, person, one)
                for (person, key_id, _), one in zip(new, wrapped, strict=True)
            ],
            latest,
        )
        return {
            person: SealingKey(key_id.bytes, secret, stored[key_id])
            for person, key_id, secret in new
            if key_id in stored
        }

    async def _unwrapped(self, keys: Collection[StoredKey]) -> Mapping[UUID, bytes]:
        secrets = await self._keyring.unwrap(
            [(key.wrapped, row_of(key.app_id, key.person, key.key_id)) for key in keys]
        )
        return dict(zip((key.key_id for key in keys), secrets, strict=True))


def _sealing_key(found: KeyOfPerson, secrets: Mapping[UUID, bytes]) -> SealingKey:
    if found.key is None:
        return SealingKey(b"", b"", found.retired_at)
    return SealingKey(found.key.key_id.bytes, secrets[found.key.key_id], found.retired_at)

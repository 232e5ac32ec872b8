"""What the keys of people need of their store; the contract suite is in `tests/integration/privacy`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.sealing.keyring import WrappedKey
from services.privacy.sealing.model import KeyCounts, KeyOfPerson, StoredKey


class KeyStore(Protocol):
    """Keeps wrapped keys. Its methods raise the store's own errors."""

    async def of_people(self, app_id: str, people: Collection[UUID]) -> Mapping[UUID, KeyOfPerson]:
        """What there is of each person."""
        ...

    async def add(
        self, keys: Sequence[StoredKey], latest: Mapping[UUID, datetime]
    ) -> Mapping[UUID, datetime | None]:
        """Stores new keys of people of one app, but for people who have one, and those of whom one was
        retired when the latest of what is to be sealed had occurred (`latest`, by person). By the ids
        of those that were stored: when a key of the person was last retired."""
        ...

    async def with_ids(self, app_id: str, key_ids: Collection[UUID]) -> Sequence[StoredKey]:
        """Those of the keys that are the app's and not destroyed."""
        ...

    async def wrapped_otherwise(self, wrapping_key_id: str, limit: int) -> Sequence[StoredKey]:
        """Some keys that another wrapping key wraps."""
        ...

    async def rewrap(self, keys: Sequence[tuple[StoredKey, WrappedKey]]) -> int:
        """Replaces how keys are wrapped, if they still are wrapped as they were read; how many."""
        ...

    async def counts(self, app_id: str | None) -> KeyCounts:
        """How many there are, of an app or of all."""
        ...

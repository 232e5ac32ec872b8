"""Wraps people's keys with the wrapping key that is in use, so that an older one can be taken away."""

from collections.abc import Mapping

from libs.sealing.keyring import Keyring, PlainKey
from services.privacy.sealing.model import row_of
from services.privacy.sealing.ports import KeyStore

REWRAP = "privacy.rewrap_keys"
_AT_ONCE = 500


class Rewrapping:
    """Safe to interrupt, to repeat and to run twice at once: a key that is done is not found again."""

    def __init__(self, store: KeyStore, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def rewrap(self) -> Mapping[str, int]:
        """Wraps anew what another wrapping key wraps: `rewrapped` keys. Raises KeyringError if the other
        one is missing, and what the store raises."""
        done = 0
        while keys := await self._store.wrapped_otherwise(
            await self._keyring.current_id(), _AT_ONCE
        ):
            rows = [row_of(key.app_id, key.person, key.key_id) for key in keys]
            secrets = await self._keyring.unwrap(
                [(key.wrapped, row) for key, row in zip(keys, rows, strict=True)]
            )
            wrapped = await self._keyring.wrap(
                [PlainKey(secret, row) for secret, row in zip(secrets, rows, strict=True)]
            )
            done += await self._store.rewrap(list(zip(keys, wrapped, strict=True)))
        return {"rewrapped": done}

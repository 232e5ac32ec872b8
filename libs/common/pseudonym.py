"""Stand-ins for people: keyed, so that they cannot be found by trying ids."""

import hashlib
import hmac
from functools import lru_cache

from libs.common.errors import ConfigurationError

SHORTEST_SECRET_BYTES = 16


def check_secret(secret: str, source: str) -> bytes:
    """The secret as bytes. Raises ConfigurationError, which names `source`, if it is too short."""
    encoded = secret.encode()
    if len(encoded) < SHORTEST_SECRET_BYTES:
        raise ConfigurationError(
            f"{source} must have at least {SHORTEST_SECRET_BYTES} bytes, and has {len(encoded)}"
        )
    return encoded


class Pseudonymizer:
    """HMAC-SHA-256 (RFC 2104) of an id under the secret key of an app and epoch, 128 bits as hex.

    A bare hash would not do: subject ids are guessable, so that one could hash them all and compare.
    """

    def __init__(self, secret: bytes, epoch: int = 1) -> None:
        if len(secret) < SHORTEST_SECRET_BYTES:
            raise ValueError(
                f"the pseudonym secret must have at least {SHORTEST_SECRET_BYTES} bytes"
            )
        self._secret = secret
        self._epoch = epoch
        self._key = lru_cache(maxsize=1024)(self._derive_key)
        # Enough for the visits under way: an entry takes 280 bytes.
        self.pseudonym = lru_cache(maxsize=16_384)(self._pseudonym)

    def _derive_key(self, app_id: str) -> bytes:
        return hmac.digest(self._secret, f"weir/{app_id}/{self._epoch}".encode(), hashlib.sha256)

    def _pseudonym(self, app_id: str, subject_id: str) -> str:
        digest = hmac.digest(self._key(app_id), subject_id.encode(), hashlib.sha256)
        return digest[:16].hex()

"""AES-256-GCM (NIST SP 800-38D) with a new random nonce for each message.

`cryptography` is imported when the first cipher is made: it takes 10 MB, which a process without sealed
values does without."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class NotGenuine(Exception):
    """A ciphertext that this key did not make, or not for this place."""


class Cipher:
    """Encrypts and decrypts under one key of KEY_BYTES. Raises ValueError for a key of another length."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._aead = _aead(key)

    def encrypt(self, plain: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext and tag; only for the same `place` they can be decrypted."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, place)

    def decrypt(self, sealed: bytes, place: bytes) -> bytes:
        """What `encrypt` was given. Raises NotGenuine."""
        from cryptography.exceptions import InvalidTag

        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise NotGenuine
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except InvalidTag:
            raise NotGenuine from None


def _aead(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)

"""The keys that people's keys are wrapped with; they live apart from the database.

`Keyring` is the port. `LocalKeyring` has the wrapping keys in memory, from a file or the environment; an
adapter for a key management service implements the same methods with calls to it (docs/operations.md)."""

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from libs.sealing.aes_gcm import KEY_BYTES, Cipher, NotGenuine

log = structlog.get_logger()
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class KeyringError(Exception):
    """A wrapping key is missing or cannot be read; the message names which one, and never the key."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A person's key, encrypted under the wrapping key with this id."""

    wrapping_key_id: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class PlainKey:
    """A person's key, and the row that it belongs to, which is authenticated with it."""

    secret: bytes
    row: bytes


class Keyring(Protocol):
    """Wraps and unwraps many keys at once."""

    async def current_id(self) -> str:
        """The id of the wrapping key that new keys are wrapped with. Raises KeyringError."""
        ...

    async def available(self, wrapping_key_ids: Collection[str]) -> Collection[str]:
        """Those of the wrapping keys that it has. Raises KeyringError."""
        ...

    async def wrap(self, keys: Sequence[PlainKey]) -> Sequence[WrappedKey]:
        """The keys, wrapped with the current wrapping key, in the same order. Raises KeyringError."""
        ...

    async def unwrap(self, keys: Sequence[tuple[WrappedKey, bytes]]) -> Sequence[bytes]:
        """The secrets of keys, each with its row, in the same order. Raises KeyringError if the wrapping
        key of one is missing, or did not wrap it for this row."""
        ...


@dataclass(frozen=True, slots=True)
class WrappingKeys:
    """Wrapping keys by id; the first one wraps what is new, all unwrap."""

    keys: Mapping[str, bytes]

    @property
    def current(self) -> str:
        """The id of the first one."""
        return next(iter(self.keys))


def read_wrapping_keys(text: str, source: str) -> WrappingKeys:
    """The wrapping keys of a text: `ID:BASE64`, one a line or separated by commas, the one in use first; `#`
    begins a remark. Raises KeyringError, which names `source`."""
    keys: dict[str, bytes] = {}
    for line in text.splitlines():
        for item in filter(None, map(str.strip, line.partition("#")[0].split(","))):
            key_id, colon, encoded = item.partition(":")
            if not colon or not _KEY_ID(key_id):
                raise KeyringError(
                    f"{source}: a wrapping key is ID:BASE64, its id of letters, digits and `._-`"
                )
            try:
                key = base64.b64decode(encoded.strip(), altchars=b"-_", validate=True)
            except binascii.Error:
                key = b""
            if len(key) != KEY_BYTES:
                raise KeyringError(f"{source}: `{key_id}` is not {KEY_BYTES} bytes as base64")
            if key_id in keys:
                raise KeyringError(f"{source}: `{key_id}` is there twice")
            keys[key_id] = key
    if not keys:
        raise KeyringError(f"{source} has no wrapping key")
    return WrappingKeys(keys)


def new_wrapping_key_line() -> str:
    """A line with a new random wrapping key, whose id no other one has."""
    key_id = f"k{secrets.token_hex(4)}"
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


class LocalKeyring:
    """Implements `Keyring` with wrapping keys that this process has. Raises KeyringError."""

    def __init__(self, keys: WrappingKeys) -> None:
        self._current = keys.current
        # Ciphers are made when they are needed: a process that wraps nothing does without the library.
        self._keys = keys.keys
        self._ciphers: dict[str, Cipher] = {}

    async def current_id(self) -> str:
        return self._current

    async def available(self, wrapping_key_ids: Collection[str]) -> Collection[str]:
        return [key_id for key_id in wrapping_key_ids if key_id in self._keys]

    async def wrap(self, keys: Sequence[PlainKey]) -> Sequence[WrappedKey]:
        cipher = self._cipher(self._current)
        return [WrappedKey(self._current, cipher.encrypt(key.secret, key.row)) for key in keys]

    async def unwrap(self, keys: Sequence[tuple[WrappedKey, bytes]]) -> Sequence[bytes]:
        try:
            return [
                self._cipher(key.wrapping_key_id).decrypt(key.wrapped, row) for key, row in keys
            ]
        except NotGenuine:
            raise KeyringError(
                "a key cannot be unwrapped: another wrapping key has the same id, or the row was changed"
            ) from None

    def _cipher(self, key_id: str) -> Cipher:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            if key_id not in self._keys:
                raise KeyringError(f"the wrapping key `{key_id}` is missing")
            cipher = self._ciphers[key_id] = Cipher(self._keys[key_id])
        return cipher


class FileKeyring:
    """Implements `Keyring` with the wrapping keys of a file, which is read again when it has changed. While
    it cannot be read, those that were read before stay in use."""

    def __init__(self, path: Path) -> None:
        """Raises KeyringError."""
        self._path = path
        self._mark = self._find_mark()
        self._keyring = self._read()

    async def current_id(self) -> str:
        return await self._local().current_id()

    async def available(self, wrapping_key_ids: Collection[str]) -> Collection[str]:
        return await self._local().available(wrapping_key_ids)

    async def wrap(self, keys: Sequence[PlainKey]) -> Sequence[WrappedKey]:
        return await self._local().wrap(keys)

    async def unwrap(self, keys: Sequence[tuple[WrappedKey, bytes]]) -> Sequence[bytes]:
        return await self._local().unwrap(keys)

    def _local(self) -> LocalKeyring:
        mark = self._find_mark()
        if mark != self._mark:
            self._mark = mark
            try:
                self._keyring = self._read()
            except KeyringError as error:
                log.error("the wrapping keys stay as they were", reason=str(error))
        return self._keyring

    def _find_mark(self) -> tuple[int, ...]:
        """What changes with the file; nothing of a file that is not there."""
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> LocalKeyring:
        try:
            text = self._path.read_text()
        except OSError as error:
            raise KeyringError(f"{self._path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise KeyringError(f"{self._path} is no text") from None
        return LocalKeyring(read_wrapping_keys(text, str(self._path)))

"""Sealed values as they stand in the properties of an event.

A value is replaced by `{"$sealed": "v1.<key id>.<base64>"}`: the id of the person's key as 32 hex digits;
nonce, ciphertext and tag as base64url. What is encrypted is the value as JSON; app, person, event and
property are authenticated with it, so a sealed value that is copied to another event or property cannot be
opened there."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from libs.common.exact_json import exact_dumps, exact_loads
from libs.sealing.aes_gcm import Cipher, NotGenuine

MARK = "$sealed"
_VERSION = "v1"
_HEX_DIGITS = 32
# In place of the person of events that name none: they have a key of their app, which no erasure destroys.
NO_PERSON = bytes(16)


def mark_of(key_id: bytes) -> str:
    """What values that were sealed with a key begin with."""
    return f"{_VERSION}.{key_id.hex()}."


class DataKey:
    """The key of one person of an app: `key_id` has 16 bytes."""

    __slots__ = ("_cipher", "key_id")

    def __init__(self, key_id: bytes, secret: bytes) -> None:
        self.key_id = key_id
        self._cipher = Cipher(secret)

    def seal(self, value: Any, place: bytes) -> dict[str, str]:
        """What is stored of a JSON value at this place."""
        sealed = self._cipher.encrypt(exact_dumps(value), place)
        text = urlsafe_b64encode(sealed).decode()
        return {MARK: mark_of(self.key_id) + text}

    def open(self, sealed: "Sealed", place: bytes) -> Any:
        """The value. Raises NotGenuine if it was not sealed with this key and at this place."""
        try:
            return exact_loads(self._cipher.decrypt(sealed.ciphertext, place))
        except ValueError:
            raise NotGenuine from None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the app, the pseudonym of the person as 16 bytes, the UUID of the event as 16
    bytes."""

    app_id: str
    person: bytes
    event_uuid: bytes

    def of(self, name: str) -> bytes:
        """The place of a property, as it is authenticated: of parts with fixed lengths, and the app's id,
        which has no zero byte."""
        return b"".join(
            (
                b"weir/sealed/v1\x00",
                self.app_id.encode(),
                b"\x00",
                self.person,
                self.event_uuid,
                name.encode(),
            )
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed value, read: the id of its key, and nonce, ciphertext and tag."""

    key_id: bytes
    ciphertext: bytes


def read_sealed(value: Any) -> Sealed | None:
    """The sealed value that `value` is; None for any other."""
    if type(value) is not dict or len(value) != 1:
        return None
    text = value.get(MARK)
    if not isinstance(text, str):
        return None
    version, _, rest = text.partition(".")
    key_id, _, ciphertext = rest.partition(".")
    if version != _VERSION or len(key_id) != _HEX_DIGITS:
        return None
    try:
        return Sealed(bytes.fromhex(key_id), urlsafe_b64decode(ciphertext))
    except (ValueError, binascii.Error):
        return None


def is_sealed(value: Any) -> bool:
    """Whether a property's value is a sealed one, by its form."""
    return read_sealed(value) is not None


def seal_properties(
    properties: Mapping[str, Any], names: Collection[str], key: DataKey, place: Place
) -> dict[str, Any]:
    """The properties with those called one of `names` sealed; null stays null."""
    return {
        name: key.seal(value, place.of(name)) if name in names and value is not None else value
        for name, value in properties.items()
    }


def sealed_in(properties: Mapping[str, Any]) -> Iterator[tuple[str, Sealed]]:
    """The sealed values among the properties, with their names."""
    for name, value in properties.items():
        if (sealed := read_sealed(value)) is not None:
            yield name, sealed


def open_properties(
    properties: Mapping[str, Any], key_of: Callable[[bytes], DataKey | None], place: Place
) -> dict[str, Any]:
    """The properties with all values opened that can be: `key_of` finds a key by its id, None if it is
    destroyed. The others stay as they are."""
    opened = dict(properties)
    for name, sealed in sealed_in(properties):
        key = key_of(sealed.key_id)
        if key is not None:
            try:
                opened[name] = key.open(sealed, place.of(name))
            except NotGenuine:
                continue
    return opened

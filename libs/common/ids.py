"""Ids: which UUID an event id stands for, and new ids that sort by time."""

import hashlib
import uuid
from binascii import unhexlify

import uuid_utils

# UUIDv5 namespace of event ids that are not UUIDs themselves.
EVENT_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "event.weir")
_NAMESPACE = uuid_utils.UUID(bytes=EVENT_NAMESPACE.bytes)
# A canonical UUID after each of its digits has become an `x`: a third of the time of a regular expression.
_CANONICAL_SHAPE = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
_TO_SHAPE = bytes(
    ord("x") if byte in b"0123456789abcdef" else byte if byte == ord("-") else 0
    for byte in range(256)
)


def event_uuid(event_id: str) -> tuple[bytes, bool]:
    """The 16 bytes that identify an event in the store, and whether `event_id` itself is that UUID.

    A UUID in its canonical lower-case form stands for itself; every other text is mapped to
    `uuid5(EVENT_NAMESPACE, event_id)` (RFC 9562, section 5.5).
    """
    encoded = event_id.encode()
    if encoded.translate(_TO_SHAPE) == _CANONICAL_SHAPE:
        return unhexlify(encoded.replace(b"-", b"")), True
    # A third of what `uuid5` costs, which takes any bytes.
    return uuid_utils.uuid5(_NAMESPACE, event_id).bytes, False


def uuid5(namespace: bytes, name: bytes) -> bytes:
    """The 16 bytes of a UUIDv5 (RFC 9562, section 5.5) of any bytes; the namespace is a UUID's bytes."""
    digest = bytearray(hashlib.sha1(namespace + name).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def uuid8(digest: bytes) -> bytes:
    """The 16 bytes of a UUIDv8 (RFC 9562, section 5.8) that holds a digest of 16 bytes."""
    marked = bytearray(digest)
    marked[6] = marked[6] & 0x0F | 0x80
    marked[8] = marked[8] & 0x3F | 0x80
    return bytes(marked)


def new_uuid7() -> bytes:
    """16 bytes of a new UUIDv7: unique, and later ones sort after earlier ones."""
    return uuid_utils.uuid7().bytes


def new_uuid7_text() -> str:
    """A new UUIDv7 in its canonical form."""
    return str(uuid_utils.uuid7())

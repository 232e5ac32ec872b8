"""Values in the form that binary COPY takes: four bytes for the length, then the value itself.

Packed by hand: most values of a row are the same for many events, and are packed once for all of them.
"""

from struct import Struct

_LENGTH = Struct("!i").pack
NULL = _LENGTH(-1)
# A jsonb is this and its JSON text.
_JSONB_VERSION = b"\x01"
# The packed lengths of most texts, made once.
_LENGTHS = [_LENGTH(length) for length in range(256)]
_BIGINT = Struct("!iq").pack
_UUID_LENGTH = _LENGTH(16)
_FALSE, _TRUE = _LENGTH(1) + b"\x00", _LENGTH(1) + b"\x01"
# Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000


def text(value: str | None) -> bytes:
    """A text; NULL for None and for an empty one."""
    return non_null_text(value) if value else NULL


def non_null_text(value: str) -> bytes:
    """A text that may be empty."""
    data = value.encode()
    length = len(data)
    return (_LENGTHS[length] if length < 256 else _LENGTH(length)) + data


def jsonb(json: bytes | None) -> bytes:
    """JSON text as jsonb."""
    return NULL if json is None else _LENGTH(len(json) + 1) + _JSONB_VERSION + json


def uuid(hex_digits: str) -> bytes:
    """A UUID of 32 hex digits; NULL for an empty text."""
    return _UUID_LENGTH + bytes.fromhex(hex_digits) if hex_digits else NULL


def boolean(value: bool | None) -> bytes:
    """A boolean."""
    return NULL if value is None else _TRUE if value else _FALSE


def time(unix_us: int | None) -> bytes:
    """A timestamptz of microseconds since the Unix epoch."""
    return NULL if unix_us is None else _BIGINT(8, unix_us - POSTGRES_EPOCH_US)

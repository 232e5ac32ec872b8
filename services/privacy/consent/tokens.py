"""Opaque texts that callers carry: consent tokens, and places in a history."""

import base64
import binascii
import hashlib
import struct

from libs.common.errors import InvalidArgument
from services.privacy.consent.model import BEGINNING, HistoryPosition, Person

# A format number, the person's fingerprint, a version.
_HEAD = struct.Struct(">B8sQ")
_FORMAT = 1


def consent_token(person: Person, version: int) -> str:
    """Says: this person's state is at least this new."""
    return _encode(_HEAD.pack(_FORMAT, _fingerprint(person), version))


def token_version(person: Person, token: str) -> int:
    """The version in a token of this person. Raises InvalidArgument for any other text."""
    version, rest = _decode(person, token, "token")
    if rest:
        raise _invalid("token")
    return version


def page_token(person: Person, position: HistoryPosition) -> str:
    """Where the next page of the person's history begins."""
    head = _HEAD.pack(_FORMAT, _fingerprint(person), position.version)
    return _encode(head + position.purpose.encode())


def page_position(person: Person, token: str) -> HistoryPosition:
    """The place in a page token of this person; the beginning for "". Raises InvalidArgument."""
    if not token:
        return BEGINNING
    version, rest = _decode(person, token, "page_token")
    try:
        return HistoryPosition(version, rest.decode())
    except UnicodeDecodeError:
        raise _invalid("page_token") from None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(person: Person, token: str, field: str) -> tuple[int, bytes]:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        number, fingerprint, version = _HEAD.unpack_from(raw)
    except (binascii.Error, struct.error, ValueError):
        raise _invalid(field) from None
    # A version is a Postgres bigint.
    if number != _FORMAT or fingerprint != _fingerprint(person) or version >= 2**63:
        raise _invalid(field)
    return version, raw[_HEAD.size :]


def _fingerprint(person: Person) -> bytes:
    """Tells one person's tokens from another's; not a secret, since a token opens nothing."""
    return hashlib.sha256("\x00".join(person).encode()).digest()[:8]


def _invalid(field: str) -> InvalidArgument:
    return InvalidArgument("was not issued for this person", field=field)

"""Opaque texts that callers carry: consent tokens, and places in a history."""

import base64
import binascii
import hashlib
import struct

from libs.common.errors import InvalidArgument
from services.privacy.consent.model import BEGINNING, HistoryCursor, Subject

# A format number, the subject's fingerprint, a version.
_HEAD = struct.Struct(">B8sQ")
_FORMAT = 1


def consent_token(subject: Subject, version: int) -> str:
    """Says: this subject's state is at least this new."""
    return _encode(_HEAD.pack(_FORMAT, _fingerprint(subject), version))


def token_version(subject: Subject, token: str) -> int:
    """The version in a token of this subject. Raises InvalidArgument for any other text."""
    version, rest = _decode(subject, token, "token")
    if rest:
        raise _invalid("token")
    return version


def page_token(subject: Subject, position: HistoryCursor) -> str:
    """Where the next page of the subject's history begins."""
    head = _HEAD.pack(_FORMAT, _fingerprint(subject), position.version)
    return _encode(head + position.purpose.encode())


def page_cursor(subject: Subject, token: str) -> HistoryCursor:
    """The place in a page token of this subject; the beginning for "". Raises InvalidArgument."""
    if not token:
        return BEGINNING
    version, rest = _decode(subject, token, "page_token")
    try:
        return HistoryCursor(version, rest.decode())
    except UnicodeDecodeError:
        raise _invalid("page_token") from None


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(subject: Subject, token: str, field: str) -> tuple[int, bytes]:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        number, fingerprint, version = _HEAD.unpack_from(raw)
    except (binascii.Error, struct.error, ValueError):
        raise _invalid(field) from None
    # A version is a Postgres bigint.
    if number != _FORMAT or fingerprint != _fingerprint(subject) or version >= 2**63:
        raise _invalid(field)
    return version, raw[_HEAD.size :]


def _fingerprint(subject: Subject) -> bytes:
    """Tells one subject's tokens from another's; not a secret, since a token opens nothing."""
    return hashlib.sha256("\x00".join(subject).encode()).digest()[:8]


def _invalid(field: str) -> InvalidArgument:
    return InvalidArgument("was not issued for this subject", field=field)

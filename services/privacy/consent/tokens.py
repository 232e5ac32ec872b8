"""Consent tokens: opaque texts that callers carry from a recording to a check."""

import base64
import binascii
import hashlib
import struct

from libs.common.errors import InvalidArgument
from services.privacy.consent.model import Subject

# A format number, the subject's fingerprint, a version.
_HEAD = struct.Struct(">B8sQ")
_FORMAT = 1


def consent_token(subject: Subject, version: int) -> str:
    """Says: this subject's state is at least this new."""
    raw = _HEAD.pack(_FORMAT, _fingerprint(subject), version)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def change_token(app_id: str, number: int) -> str:
    """Says: the changes of this app up to this number are known."""
    return consent_token(_changes_of(app_id), number)


def changes_after(app_id: str, token: str) -> int:
    """The number in a token of the app's changes. Raises InvalidArgument for any other text."""
    return token_version(_changes_of(app_id), token, "resume_token")


def token_version(subject: Subject, token: str, field: str = "token") -> int:
    """The version in a token of this subject. Raises InvalidArgument for any other text; `field` had it."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        number, fingerprint, version = _HEAD.unpack(raw)
    except (binascii.Error, struct.error, ValueError):
        raise _invalid(field) from None
    # A version is a Postgres bigint.
    if number != _FORMAT or fingerprint != _fingerprint(subject) or version >= 2**63:
        raise _invalid(field)
    return int(version)


def _fingerprint(subject: Subject) -> bytes:
    """Tells one subject's tokens from another's; not a secret, since a token opens nothing."""
    return hashlib.sha256("\x00".join(subject).encode()).digest()[:8]


def _changes_of(app_id: str) -> Subject:
    # No person's id begins with a NUL.
    return Subject(app_id, "\x00changes")


def _invalid(field: str) -> InvalidArgument:
    what = "subject" if field == "token" else "app"
    return InvalidArgument(f"was not issued for this {what}", field=field)

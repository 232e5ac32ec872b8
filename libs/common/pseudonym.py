"""Stand-ins for people: keyed, so that they cannot be found by trying ids."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from functools import lru_cache

from libs.common.errors import ConfigurationError

SHORTEST_SECRET_BYTES = 16
# Enough for the people and sessions of the visits under way.
REMEMBERED = 16_384
_BLOCK_BYTES = 64  # of SHA-256
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
is_pseudonym = re.compile("[0-9a-f]{32}").fullmatch


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

    def __init__(self, secret: bytes, epoch: int = 1, *, remembered: int = REMEMBERED) -> None:
        """`remembered` is how many pseudonyms are kept, of 280 bytes each; to make one takes 1 µs."""
        if len(secret) < SHORTEST_SECRET_BYTES:
            raise ValueError(
                f"the pseudonym secret must have at least {SHORTEST_SECRET_BYTES} bytes"
            )
        self._secret = secret
        self._epoch = epoch
        self._keyed = lru_cache(maxsize=1024)(self._keyed_hashes)
        self.pseudonym = lru_cache(maxsize=remembered)(self._pseudonym)

    def all_epochs(self, app_id: str, subject_id: str) -> Sequence[str]:
        """The pseudonyms that the person has had in all epochs so far, the current one first."""
        return [self._hashed(app_id, subject_id, epoch) for epoch in range(self._epoch, 0, -1)]

    def _pseudonym(self, app_id: str, subject_id: str) -> str:
        return self._hashed(app_id, subject_id, self._epoch)

    def _hashed(self, app_id: str, text: str, epoch: int) -> str:
        inner, outer = self._keyed(app_id, epoch)
        inner, outer = inner.copy(), outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.digest()[:16].hex()

    def _keyed_hashes(self, app_id: str, epoch: int) -> tuple["hashlib._Hash", "hashlib._Hash"]:
        """The two hashes of HMAC, which have taken in the key: that is half of the work, and the same for
        all people of an app. `hmac.digest` takes more than twice as long."""
        key = hmac.digest(self._secret, f"weir/{app_id}/{epoch}".encode(), hashlib.sha256)
        block = key.ljust(_BLOCK_BYTES, b"\0")
        return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))


def person_of(
    pseudonymizer: Pseudonymizer, app_id: str, subject_id: str | None, anonymous_id: str | None
) -> str:
    """Whom an event is about, for all numbers: 32 hex digits, "" for no person.

    The pseudonym of the subject, or else the `anonymous_id`: ingest stores the same pseudonym there for
    a person who did not agree, so that a person is one before and after they withdraw. An `anonymous_id`
    that is no pseudonym, of an event from before ingest replaced all of them, gets the one that it would
    have got.
    """
    if subject_id:
        return pseudonymizer.pseudonym(app_id, subject_id)
    if not anonymous_id or is_pseudonym(anonymous_id):
        return anonymous_id or ""
    return pseudonymizer.pseudonym(app_id, anonymous_text(anonymous_id))


def persons_of(
    pseudonymizer: Pseudonymizer, app_id: str, subject_id: str | None, anonymous_id: str | None
) -> Sequence[str]:
    """All pseudonyms under which the person of an event may have been erased, none for no person: what an
    erasure left is under those of the epochs until then, and the epoch may have been raised since. A
    pseudonym that comes without the id is not recognised in other epochs."""
    if subject_id:
        return pseudonymizer.all_epochs(app_id, subject_id)
    person = person_of(pseudonymizer, app_id, subject_id, anonymous_id)
    return (person,) if person else ()


def session_of(
    pseudonymizer: Pseudonymizer,
    app_id: str,
    subject_id: str | None,
    anonymous_id: str | None,
    session_id: str | None,
    *,
    is_hashed: bool = False,
) -> str:
    """The session of an event, for all numbers: 32 hex digits, "" for no session, and the same before and
    after its person withdraws.

    Ingest replaces the session, by its pseudonym, and the subject of a person who did not agree. Sessions of
    all other events get the same pseudonym here, although many apps' own ids are 32 hex digits as well; only
    with an `anonymous_id` and without a subject such a session looks like a pseudonym. So that an
    app's own id is never given back, the result is the pseudonym of the pseudonym. `is_hashed`: the app has
    all sessions replaced, so each that looks like a pseudonym is one; others are from before.
    """
    if not session_id:
        return ""
    replaced = (is_hashed or (not subject_id and anonymous_id)) and is_pseudonym(session_id)
    if not replaced:
        session_id = pseudonymizer.pseudonym(app_id, session_text(session_id))
    return pseudonymizer.pseudonym(app_id, session_text(session_id))


def session_text(session_id: str) -> str:
    """What the pseudonym of a session is made of: never that of a subject."""
    return f"session\x00{session_id}"


def anonymous_text(anonymous_id: str) -> str:
    """What the pseudonym of a producer's own `anonymous_id` is made of: never that of a subject."""
    return f"anonymous\x00{anonymous_id}"


def event_text(event_id: str) -> str:
    """What the pseudonym of an event id that reveals a person is made of: never that of a subject."""
    return f"event\x00{event_id}"

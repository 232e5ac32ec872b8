"""The chain of an app's entries: each hash is made of the entry, its place and the hash before it."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from libs.audit import AuditEntry

HASH_BYTES = 32
# Before the first entry.
BEGINNING = bytes(HASH_BYTES)
_HEAD = re.compile(rf"([0-9]{{1,18}}):([0-9a-f]{{{2 * HASH_BYTES}}})").fullmatch


@dataclass(frozen=True, slots=True)
class Link:
    """An entry's place in the chain."""

    sequence: int
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a chain at some time: its sequence, from 1 on, and its hash."""

    sequence: int
    hash: bytes

    def __str__(self) -> str:
        """As `parse_head` reads it."""
        return f"{self.sequence}:{self.hash.hex()}"


NO_ENTRIES = Head(0, BEGINNING)


def parse_head(text: str) -> Head:
    """The head that `str` wrote. Raises ValueError for any other text."""
    match = _HEAD(text)
    if match is None:
        raise ValueError("not a head")
    return Head(int(match[1]), bytes.fromhex(match[2]))


class Signed(StrEnum):
    """What a signature says of a head."""

    # It is the end of the chain.
    HEAD = "head"
    # What is left of the chain begins behind it.
    CHECKPOINT = "checkpoint"


class ChainKeys:
    """HMAC-SHA-256 (RFC 2104) with the keys of the trail. Who changes an entry without a key cannot make the
    hash that fits.

    The newest key makes hashes and signatures, and the earlier ones still verify theirs. Keys are numbered in
    the order in which they were in use, from 0 on.
    """

    def __init__(self, newest: bytes, *earlier: bytes) -> None:
        """`earlier`: the keys before, the newest of them first."""
        self._secrets = (*reversed(earlier), newest)

    def link(self, entry: AuditEntry, head: Head) -> Link:
        """The link of an entry behind `head`."""
        sequence = head.sequence + 1
        return Link(sequence, head.hash, _entry_mac(self._secrets[-1], entry, head))

    def maker(self, entry: AuditEntry, head: Head, hash_: bytes, earliest: int = 0) -> int | None:
        """The number of the key that made the hash of an entry behind `head`; None if none did from the
        `earliest` on."""
        return self._number(hash_, lambda secret: _entry_mac(secret, entry, head), earliest)

    def signature(self, app_id: str, head: Head, what: Signed = Signed.HEAD) -> bytes:
        """Says that this was a head of the app's chain."""
        return _head_mac(self._secrets[-1], app_id, head, what)

    def signer(
        self, app_id: str, head: Head, signature: bytes, what: Signed = Signed.HEAD
    ) -> int | None:
        """The number of the key that made a signature; None if none did."""
        return self._number(signature, lambda secret: _head_mac(secret, app_id, head, what))

    def _number(self, mac: bytes, made: Callable[[bytes], bytes], earliest: int = 0) -> int | None:
        numbers = range(earliest, len(self._secrets))
        fitting = (each for each in numbers if hmac.compare_digest(made(self._secrets[each]), mac))
        return next(fitting, None)


def _entry_mac(secret: bytes, entry: AuditEntry, head: Head) -> bytes:
    return _mac(secret, "entry", *_content(entry, head.sequence + 1), head.hash)


def _head_mac(secret: bytes, app_id: str, head: Head, what: Signed) -> bytes:
    return _mac(secret, what, app_id, str(head.sequence), head.hash)


def _mac(secret: bytes, *parts: str | bytes) -> bytes:
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        # The length first, so that no two lists of parts are one text.
        mac.update(b"%d:" % len(encoded))
        mac.update(encoded)
    return mac.digest()


def _content(entry: AuditEntry, sequence: int) -> Sequence[str | bytes]:
    """All that an entry says, and its place."""
    return (
        entry.app_id,
        str(sequence),
        entry.entry_id.bytes,
        str(entry.occurred_at_us),
        entry.caller.actor,
        entry.caller.request_id,
        entry.caller.trace_id,
        entry.action,
        entry.outcome,
        entry.subject,
        entry.purpose,
        # Postgres keeps neither the order nor the spaces of JSON.
        json.dumps(entry.details, sort_keys=True, separators=(",", ":")),
    )

"""The chain of an app's entries: each hash is made of the entry, its place and the hash before it."""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

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


class ChainKey:
    """HMAC-SHA-256 (RFC 2104) with the key of the trail. Who changes an entry without it cannot make the hash
    that fits."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def link(self, entry: AuditEntry, head: Head) -> Link:
        """The link of an entry behind `head`."""
        sequence = head.sequence + 1
        return Link(sequence, head.hash, self._mac("entry", *_content(entry, sequence), head.hash))

    def signature(self, app_id: str, head: Head) -> bytes:
        """Says that this was a head of the app's chain."""
        return self._mac("head", app_id, str(head.sequence), head.hash)

    def has_signed(self, app_id: str, head: Head, signature: bytes) -> bool:
        """Whether `signature` made it."""
        return hmac.compare_digest(self.signature(app_id, head), signature)

    def _mac(self, *parts: str | bytes) -> bytes:
        mac = hmac.new(self._secret, digestmod=hashlib.sha256)
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

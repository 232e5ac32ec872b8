"""Decides whether a chain is what was written: no entry changed, missing or at another place."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from services.privacy.audit.chain import NO_ENTRIES, ChainKey, Head
from services.privacy.audit.model import SignedHead, StoredEntry


class Problem(Enum):
    """What is wrong at one place of a chain."""

    CHANGED = auto()
    MISSING = auto()
    BEGINNING_MISSING = auto()
    END_MISSING = auto()
    HEAD_DIFFERS = auto()
    HEAD_FORGED = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and where: the sequence of the entry at fault, or of the first that is missing."""

    problem: Problem
    sequence: int
    entry_id: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What was verified: how many entries, the last of them, and the first problem behind it."""

    verified: int
    last: Head
    finding: Finding | None = None


def verify_part(
    key: ChainKey, after: Head, entries: Sequence[StoredEntry], known: Mapping[int, bytes]
) -> Part:
    """Verifies chained entries in the order of their sequence, which follow `after`. `known` are hashes that
    entries must have, by sequence."""
    last = after
    for count, stored in enumerate(entries):
        link = stored.link
        assert link is not None
        entry_id = str(stored.entry.entry_id)
        if link.sequence != last.sequence + 1:
            missing = Problem.MISSING if last.sequence else Problem.BEGINNING_MISSING
            return Part(count, last, Finding(missing, last.sequence + 1))
        expected = key.link(stored.entry, last)
        if link.previous_hash != last.hash or not hmac.compare_digest(link.hash, expected.hash):
            return Part(count, last, Finding(Problem.CHANGED, link.sequence, entry_id))
        if known.get(link.sequence, link.hash) != link.hash:
            return Part(count, last, Finding(Problem.HEAD_DIFFERS, link.sequence, entry_id))
        last = Head(link.sequence, link.hash)
    return Part(len(entries), last)


def verify_end(
    key: ChainKey, app_id: str, last: Head, stored: SignedHead | None, known: Mapping[int, bytes]
) -> Finding | None:
    """What is wrong with the end of a chain, whose last entry is `last`. `stored` is the head beside the
    entries, `known` what heads from elsewhere say, as in `verify_part`. All heads were read before the
    entries."""
    if stored is None:
        if last != NO_ENTRIES:
            return Finding(Problem.HEAD_FORGED, last.sequence)
    elif not key.has_signed(app_id, stored.head, stored.signature):
        return Finding(Problem.HEAD_FORGED, stored.head.sequence)
    newest = max([*known, stored.head.sequence if stored else 0])
    return Finding(Problem.END_MISSING, last.sequence + 1) if newest > last.sequence else None

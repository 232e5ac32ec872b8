"""Decides whether a chain is what was written: no entry changed, missing or at another place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from services.privacy.audit.chain import NO_ENTRIES, ChainKeys, Head, Signed
from services.privacy.audit.model import SignedHead, StoredEntry


class Problem(Enum):
    """What is wrong at one place of a chain."""

    CHANGED = auto()
    MISSING = auto()
    BEGINNING_MISSING = auto()
    END_MISSING = auto()
    HEAD_DIFFERS = auto()
    HEAD_FORGED = auto()
    CHECKPOINT_FORGED = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and where: the sequence of the entry at fault, or of the first that is missing."""

    problem: Problem
    sequence: int
    entry_id: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a verification is: behind `last`, whose hash was made by the key of this number. Earlier keys are
    not in use any more."""

    last: Head = NO_ENTRIES
    key: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """What was verified: how many entries, the place behind the last of them, and the first problem there."""

    verified: int
    place: Place
    finding: Finding | None = None


def verify_part(
    keys: ChainKeys,
    after: Place,
    entries: Sequence[StoredEntry],
    known: Mapping[int, Collection[bytes]],
) -> Part:
    """Verifies chained entries in the order of their sequence, which follow `after`. `known` are hashes that
    entries must have, by sequence: what each head that is known says, also if they differ."""
    place = after
    for count, stored in enumerate(entries):
        last = place.last
        link = stored.link
        assert link is not None
        entry_id = str(stored.entry.entry_id)
        if link.sequence != last.sequence + 1:
            missing = Problem.MISSING if last.sequence else Problem.BEGINNING_MISSING
            return Part(count, place, Finding(missing, last.sequence + 1))
        maker = keys.maker(stored.entry, last, link.hash, earliest=place.key)
        if link.previous_hash != last.hash or maker is None:
            return Part(count, place, Finding(Problem.CHANGED, link.sequence, entry_id))
        if any(hash_ != link.hash for hash_ in known.get(link.sequence, ())):
            return Part(count, place, Finding(Problem.HEAD_DIFFERS, link.sequence, entry_id))
        place = Place(Head(link.sequence, link.hash), maker)
    return Part(len(entries), place)


def verify_checkpoint(
    keys: ChainKeys, app_id: str, checkpoint: SignedHead | None
) -> Finding | None:
    """What is wrong with the checkpoint behind which a chain begins, None for one that begins with its first
    entry."""
    if checkpoint is None:
        return None
    signed = (app_id, checkpoint.head, checkpoint.signature, Signed.CHECKPOINT)
    if keys.signer(*signed) is None:
        return Finding(Problem.CHECKPOINT_FORGED, checkpoint.head.sequence)
    return None


def verify_end(
    keys: ChainKeys,
    app_id: str,
    end: Place,
    stored: SignedHead | None,
    known: Collection[int],
) -> Finding | None:
    """What is wrong with the `end` of a chain. `stored` is the head beside the entries, of the same moment;
    `known` the sequences of heads from elsewhere, which were read before."""
    last = end.last
    if stored is None:
        if last != NO_ENTRIES:
            return Finding(Problem.HEAD_FORGED, last.sequence)
    else:
        signer = keys.signer(app_id, stored.head, stored.signature)
        # One that is behind the last entry is of an earlier moment: what follows it was added to the tables.
        if signer is None or signer < end.key or stored.head.sequence < last.sequence:
            return Finding(Problem.HEAD_FORGED, stored.head.sequence)
    newest = max([*known, stored.head.sequence if stored else 0])
    return Finding(Problem.END_MISSING, last.sequence + 1) if newest > last.sequence else None

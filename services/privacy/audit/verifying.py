"""Verifies one app's chain, a part at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.errors import Unavailable
from services.privacy.audit.chain import NO_ENTRIES, ChainKey, Head
from services.privacy.audit.model import StoredEntry
from services.privacy.audit.ports import ChainStore, PublishedHeads
from services.privacy.audit.verification import Part, verify_end, verify_part

# Entries of one part: less than a second's work.
PART_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class VerifiedPart:
    """What a part of a verification found; `is_last` if the chain ends with it, or it has a problem."""

    part: Part
    is_last: bool
    unchained: int
    compared_with_published: bool


class ChainVerifier:
    """Works the hashes out again, and compares the end with all heads that are known."""

    def __init__(
        self,
        store: ChainStore,
        heads: PublishedHeads,
        key: ChainKey,
        part_entries: int = PART_ENTRIES,
    ) -> None:
        self._store = store
        self._heads = heads
        self._key = key
        self._part_entries = part_entries

    async def verify(
        self, app_id: str, after: Head | None, passed_over: int, kept: Head | None
    ) -> VerifiedPart:
        """The part behind `after`, which an earlier part ended with; the first one if it is None, without
        entries up to the sequence `passed_over`. `kept` is a head that the caller knows."""
        published = await self._published(app_id)
        # The heads first: entries that are chained meanwhile only add to them.
        stored, unchained = await self._store.end(app_id)
        heads = [kept, published, stored and stored.head]
        entries = await self._store.by_sequence(
            app_id, after.sequence if after else passed_over, self._part_entries
        )
        known = {head.sequence: head.hash for head in heads if head and head.sequence > passed_over}
        part = verify_part(self._key, after or _start(entries, passed_over), entries, known)
        is_last = len(entries) < self._part_entries
        if part.finding is None and is_last:
            finding = verify_end(self._key, app_id, part.last, stored, known)
            part = Part(part.verified, part.last, finding)
        return VerifiedPart(
            part, is_last or part.finding is not None, unchained, published is not None
        )

    async def _published(self, app_id: str) -> Head | None:
        """The newest published head; None if there is none, or Redis does not answer. One that the service
        has not signed is none."""
        try:
            signed = (await self._heads.read()).get(app_id)
        except Unavailable:
            return None
        if signed is None or not self._key.has_signed(app_id, signed.head, signed.signature):
            return None
        return signed.head


def _start(entries: Sequence[StoredEntry], passed_over: int) -> Head:
    """What the first entry has to follow: nothing, or, behind entries that are passed over, what it says."""
    if not passed_over or not entries:
        return NO_ENTRIES
    link = entries[0].link
    assert link is not None
    return Head(link.sequence - 1, link.previous_hash)

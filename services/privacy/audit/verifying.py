"""Verifies one app's chain, a part at a time."""

from dataclasses import dataclass

from libs.common.errors import Unavailable
from services.privacy.audit.chain import NO_ENTRIES, ChainKeys, Head
from services.privacy.audit.continuing import is_signed
from services.privacy.audit.model import ChainPart
from services.privacy.audit.ports import ChainStore, PublishedHeads
from services.privacy.audit.verification import (
    Part,
    Place,
    verify_checkpoint,
    verify_end,
    verify_part,
)

# Entries of one part: less than a second's work.
PART_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class VerifiedPart:
    """What a part of a verification found; `is_last` if the chain ends with it, or it has a problem. Entries
    up to the sequence `pruned_through` are past their limit and were deleted; 0 for none."""

    part: Part
    is_last: bool
    unchained: int
    compared_with_published: bool
    pruned_through: int


class ChainVerifier:
    """Works the hashes out again, and compares the end with all heads that are known."""

    def __init__(
        self,
        store: ChainStore,
        heads: PublishedHeads,
        keys: ChainKeys,
        part_entries: int = PART_ENTRIES,
    ) -> None:
        self._store = store
        self._heads = heads
        self._keys = keys
        self._part_entries = part_entries

    async def verify(
        self, app_id: str, after: Place | None, passed_over: int, kept: Head | None
    ) -> VerifiedPart:
        """The part behind `after`, where an earlier part ended; the first one if it is None, without entries
        up to the sequence `passed_over`. `kept` is a head that the caller knows."""
        # Before the entries: those that are chained meanwhile only add to it.
        published = await self._published(app_id)
        stored = await self._store.part(
            app_id, after.last.sequence if after else passed_over, self._part_entries
        )
        start = _start(after, stored, passed_over)
        # All that is said of an entry: who writes the tables anew can sign a head that fits beside them.
        known: dict[int, set[bytes]] = {}
        for head in (kept, published, stored.head and stored.head.head):
            if head and head.sequence > max(passed_over, start.last.sequence):
                known.setdefault(head.sequence, set()).add(head.hash)
        finding = verify_checkpoint(self._keys, app_id, stored.checkpoint)
        part = Part(0, start, finding)
        is_last = len(stored.entries) < self._part_entries
        if finding is None:
            part = verify_part(self._keys, start, stored.entries, known)
        if part.finding is None and is_last:
            finding = verify_end(self._keys, app_id, part.place, stored.head, known)
            part = Part(part.verified, part.place, finding)
        return VerifiedPart(
            part,
            is_last or part.finding is not None,
            stored.unchained,
            compared_with_published=published is not None,
            pruned_through=stored.checkpoint.head.sequence if stored.checkpoint else 0,
        )

    async def _published(self, app_id: str) -> Head | None:
        """The newest published head; None if there is none, or Redis does not answer. One that the service
        has not signed is none."""
        try:
            signed = (await self._heads.read()).get(app_id)
        except Unavailable:
            return None
        return signed.head if signed and is_signed(self._keys, app_id, signed) else None


def _start(after: Place | None, stored: ChainPart, passed_over: int) -> Place:
    """What the first entry has to follow: the part before, the checkpoint of what was pruned, if that is
    later, or nothing; behind entries that are passed over, what the first entry itself says of the one before
    it, and without any the head beside them."""
    place = after or Place()
    pruned = stored.checkpoint.head if stored.checkpoint else NO_ENTRIES
    if after is None and passed_over > pruned.sequence:
        if stored.entries:
            link = stored.entries[0].link
            assert link is not None
            return Place(Head(passed_over, link.previous_hash))
        if stored.head and stored.head.head.sequence <= passed_over:
            return Place(stored.head.head)
    return Place(pruned, place.key) if pruned.sequence > place.last.sequence else place

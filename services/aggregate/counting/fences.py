"""Which events of a chunk are of people who were erased since they were stored: those are not counted.

Enrich has let a batch pass before it comes here. So only what was received before a fence was in force has to
be looked at: what was on its way then, or comes back from quarantine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from libs.common.event_moments import oldest_us
from libs.common.pseudonym import Pseudonymizer, persons_of
from services.aggregate.model import StoredBatch
from services.aggregate.plan import AppPlan
from services.aggregate.ports import CountingTransaction

# Ingest's clock, which says when a batch was received, and Postgres's may differ.
_CLOCKS_DIFFER_US = 60_000_000


class FencedEvents:
    """Leaves fenced events out of batches."""

    def __init__(self, pseudonymizer: Pseudonymizer) -> None:
        self._pseudonymizer = pseudonymizer

    async def left_out(
        self,
        transaction: CountingTransaction,
        batches: Sequence[StoredBatch],
        plans: Mapping[str, AppPlan],
        fenced_from_us: Mapping[str, int],
    ) -> Sequence[StoredBatch]:
        """The batches, in which events behind a fence are skipped; without a query if all were received after
        `fenced_from_us`, when the newest fence of their app came into force. Events that a law keeps stay
        counted, as they stay stored."""
        people = [self._people(batch, plans, fenced_from_us) for batch in batches]
        asked = {
            (batch.app_id, person)
            for batch, found in zip(batches, people, strict=True)
            for persons in found.values()
            for person in persons
        }
        if not asked:
            return batches
        fences = await transaction.read_fences(sorted(asked))
        return [
            _without(batch, found, fences) for batch, found in zip(batches, people, strict=True)
        ]

    def _people(
        self,
        batch: StoredBatch,
        plans: Mapping[str, AppPlan],
        fenced_from_us: Mapping[str, int],
    ) -> Mapping[int, Sequence[str]]:
        """The people of the events that may be behind a fence, each in all epochs, by position."""
        newest_us = fenced_from_us.get(batch.app_id)
        if newest_us is None or batch.received_at_us > newest_us + _CLOCKS_DIFFER_US:
            return {}
        kept = plans[batch.app_id].kept_by_law
        people = {}
        for position, event in enumerate(batch.events):
            if position in batch.skipped or event.name in kept:
                continue
            persons = persons_of(
                self._pseudonymizer, batch.app_id, event.subject_id, event.anonymous_id
            )
            if persons:
                people[position] = persons
        return people


def _without(
    batch: StoredBatch,
    people: Mapping[int, Sequence[str]],
    fences: Mapping[tuple[str, str], int],
) -> StoredBatch:
    fenced = {
        position
        for position, persons in people.items()
        if oldest_us(batch.events[position], batch.received_at_us)
        <= max(fences.get((batch.app_id, person), -1) for person in persons)
    }
    return replace(batch, skipped=batch.skipped | fenced) if fenced else batch

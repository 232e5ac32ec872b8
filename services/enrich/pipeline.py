"""The way of a chunk through enrich: steps, storage, forwarding; safe to repeat at any point."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from libs.catalog import Catalogs
from services.enrich import metrics
from services.enrich.anonymization.late import LateAnonymizer
from services.enrich.dead_letter_limit import DeadLetterLimit
from services.enrich.model import ALL_STEPS, WorkBatch
from services.enrich.ports import EnrichedStream, EventStore, RowRejected
from services.enrich.rejected_rows import find_rejected
from services.enrich.sealing.sealer import Sealer
from services.enrich.steps.context_enrichment import ContextReaders
from services.enrich.steps.enricher import Enricher
from services.enrich.steps.registry import Steps

log = structlog.get_logger()


class EnrichPipeline:
    """Enriches, stores and forwards batches.

    A chunk's way: the context steps work out what each distinct context says; the batch steps look up the
    rest, such as sessions; marked properties are sealed; events at which a step raises become dead letters,
    unless they are too many; one transaction stores the others; what was stored is forwarded to aggregate.
    If a row cannot be stored, the chunk is halved until that row is found, and its event becomes a dead
    letter as well.
    """

    def __init__(
        self,
        catalogs: Catalogs,
        steps: Steps,
        store: EventStore,
        stream: EnrichedStream,
        dead_letter_limit: DeadLetterLimit,
        late: LateAnonymizer | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self._catalogs = catalogs
        # Also for the preview: with its own, every context would be remembered twice.
        self.enricher = Enricher(ContextReaders(steps.context))
        self._batch_steps = steps.batch
        self._store = store
        self._stream = stream
        self._dead_letter_limit = dead_letter_limit
        self._late = late
        self._sealer = sealer
        # One chunk is prepared while the one before it is stored, and they keep their order.
        self._preparing = asyncio.Lock()
        self._storing = asyncio.Lock()

    async def process(self, batches: Sequence[WorkBatch]) -> None:
        """On return every event of the batches is stored and forwarded, or a dead letter.

        Raises DeadLetterLimitExceeded if too many events would become dead letters, before anything of a
        batch at fault is stored or written. Two calls overlap: while the events of the first are stored, the
        second runs its steps.
        """
        async with self._preparing:
            await self._run_steps(batches)
            self._check_failures(batches)
            for batch in batches:
                batch.rows = self._store.rows(batch)
            await self._storing.acquire()
        try:
            await self._write_dead_letters(batches)
            await self._write(batches)
            for batch in batches:
                if batch.repeated:
                    # Ingest may have skipped events in this copy that another one stored.
                    self._enrich_as_stored(batch, batch.skipped)
            await self._forward(batches)
        finally:
            self._storing.release()

    async def dead_letter(self, batch: WorkBatch, reason: str) -> None:
        """Settles a batch that cannot be processed: all of it becomes dead letters, unless it is stored
        already; then it is forwarded, with what enrichment says of it now."""
        stored = await self._store.skipped_before([batch.batch_id])
        if batch.batch_id in stored:
            batch.steps = self._enabled_steps(batch.app_id)
            batch.repeated = True
            self._enrich_as_stored(batch, stored[batch.batch_id])
            [batch.fenced] = await self._store.fenced([batch])
            batch.skipped |= batch.fenced
            self._count([batch])
            await self._forward([batch])
        else:
            for position in range(len(batch.events)):
                if position not in batch.skipped:
                    batch.fail(position, reason)
            await self._write_dead_letters([batch])
            self._count([batch])

    async def _run_steps(self, batches: Sequence[WorkBatch]) -> None:
        for batch in batches:
            batch.steps = self._enabled_steps(batch.app_id)
            self.enricher.enrich(batch)
        # Before anything is remembered of them. A fence that comes after this is noticed by the store.
        for batch, fenced in zip(batches, await self._store.fenced(batches), strict=True):
            batch.fenced = fenced
        for step in self._batch_steps:
            if enabled := [batch for batch in batches if step.name in batch.steps]:
                await step.run(enabled)
        if self._late is not None:
            for batch in batches:
                metrics.ANONYMIZED.labels(batch.app_id).inc(self._late.anonymize(batch))
        if self._sealer is not None:
            # Last: what has no person any more is not sealed for one.
            await self._sealer.seal(batches)

    async def _forward(self, batches: Sequence[WorkBatch]) -> None:
        if self._sealer is not None:
            self._sealer.note_marked(batches)
        await self._stream.forward(batches)

    async def _write_dead_letters(self, batches: Sequence[WorkBatch]) -> None:
        if self._sealer is not None:
            self._sealer.remove_from_failed(batches)
        await self._stream.write_dead_letters(batches)

    def _enrich_as_stored(self, batch: WorkBatch, skipped: Iterable[int]) -> None:
        """Enriches what is forwarded of a batch that was stored before: all but what was skipped then."""
        failed, batch.skipped = batch.failed, set(skipped)
        batch.failed = []
        self.enricher.enrich(batch)
        batch.failed, batch.skipped = failed, set(skipped)

    def _enabled_steps(self, app_id: str) -> frozenset[str]:
        """The steps that the app has switched on, by the newest catalog that there was of it. All if there
        was none: ingest accepted the event, and may have a newer folder of catalogs."""
        newest = self._catalogs.newest(app_id)
        return newest.catalog.enrichment if newest else ALL_STEPS

    def _check_failures(self, batches: Sequence[WorkBatch]) -> None:
        events = sum(batch.new_events for batch in batches)
        failed = [item for batch in batches for item in batch.failed]
        self._dead_letter_limit.check(events, len(failed), failed[0].reason if failed else "")
        self._dead_letter_limit.note(events, len(failed))

    async def _write(self, batches: Sequence[WorkBatch]) -> None:
        """Stores the batches; if a row cannot be stored, finds its batch by halving."""
        try:
            await self._store_and_count(batches)
        except RowRejected as error:
            if len(batches) > 1:
                middle = len(batches) // 2
                await self._write(batches[:middle])
                await self._write(batches[middle:])
                return
            await self._write_without_rejected(batches[0], str(error))

    async def _write_without_rejected(self, batch: WorkBatch, reason: str) -> None:
        rejected = await find_rejected(
            batch.live_rows(), lambda group: self._store.can_store([row for _, row in group])
        )
        noted = (batch.new_events, len(batch.failed))
        for position, _ in rejected:
            batch.fail(position, f"{reason} while storing")
        self._dead_letter_limit.check(batch.new_events, len(batch.failed), reason, noted=noted)
        self._dead_letter_limit.note(0, len(rejected))
        # Before the batch counts as stored: a repetition would not look for the rejected rows again.
        await self._write_dead_letters([batch])
        await self._store_and_count([batch])

    async def _store_and_count(self, batches: Sequence[WorkBatch]) -> None:
        await self._store.write(batches)
        # Now: if something fails before they are forwarded, they come again as batches that are stored.
        self._count(batches)

    def _count(self, batches: Sequence[WorkBatch]) -> None:
        for batch in batches:
            handled = len(batch.events) - len(batch.failed)
            stored = 0 if batch.repeated else len(batch.events) - len(batch.skipped)
            metrics.STORED.labels(batch.app_id).inc(stored)
            metrics.SKIPPED.labels(batch.app_id).inc(handled - stored)
            if batch.failed and not batch.repeated:
                metrics.DEAD_LETTERED.labels(batch.app_id).inc(len(batch.failed))
                log.warning("dead letters", app_id=batch.app_id, events=len(batch.failed))

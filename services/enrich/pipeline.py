"""One chunk's way through enrich: steps, storage, forwarding; safe to repeat at any point."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import psycopg
import structlog

from libs.common.clock import Clock
from services.enrich import metrics
from services.enrich.dead_letter_limit import DeadLetterLimit
from services.enrich.enriched_stream import EnrichedStreamWriter
from services.enrich.model import FailedEvent, Session, WorkBatch
from services.enrich.sessions.redis import SessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.steps.enrichment import Enricher
from services.enrich.steps.session import Sighting, fold_sessions
from services.enrich.storage.postgres import EventStore

log = structlog.get_logger()


class EnrichPipeline:
    """Enriches, stores and forwards batches."""

    def __init__(
        self,
        enricher: Enricher,
        sessions: SessionStore,
        store: EventStore,
        forwarder: EnrichedStreamWriter,
        clock: Clock,
        settings: EnrichSettings,
    ) -> None:
        self._enricher = enricher
        self._sessions = sessions
        self._store = store
        self._forwarder = forwarder
        self._clock = clock
        self._dead_letter_limit = DeadLetterLimit(
            settings.max_dead_letter_share, settings.dead_letter_minimum_events
        )
        # One chunk is prepared while the one before it is stored, and they keep their order.
        self._preparing = asyncio.Lock()
        self._storing = asyncio.Lock()

    async def process(self, batches: Sequence[WorkBatch]) -> None:
        """On return every event of the batches is stored and forwarded, or a dead letter.

        Raises DeadLetterLimitExceeded, before anything of a batch at fault is stored or put aside, where too
        many of its events would become dead letters. Two calls overlap: while Postgres stores the
        events of the first, the second works on its own.
        """
        async with self._preparing:
            sessions = await self._look_up_sessions(batches)
            for batch in batches:
                self._enricher.enrich(batch, sessions[batch.app_id, batch.shard])
            self._check_failures(batches)
            await self._storing.acquire()
        try:
            await self._forwarder.write_dead_letters(batches)
            await self._write(batches)
            await self._forwarder.forward(batches)
        finally:
            self._storing.release()
        self._count(batches)

    def _check_failures(self, batches: Sequence[WorkBatch]) -> None:
        events = sum(len(batch.events) for batch in batches)
        poison = [item for batch in batches for item in batch.failed]
        self._dead_letter_limit.check(events, len(poison), poison[0].reason if poison else "")
        self._dead_letter_limit.note(events, len(poison))

    async def dead_letter(self, batch: WorkBatch, reason: str) -> None:
        """Settles a batch that cannot be processed: all of it becomes dead letters, unless it is stored
        already; then it is forwarded, with what enrichment says of it now."""
        stored = await self._store.skipped_before([batch.batch_id])
        if batch.batch_id in stored:
            sessions = await self._look_up_sessions([batch])
            self._enricher.enrich(batch, sessions[batch.app_id, batch.shard])
            batch.failed = []
            batch.skipped = set(stored[batch.batch_id])
            await self._forwarder.forward([batch])
        else:
            batch.failed = [
                FailedEvent(position, reason)
                for position in range(len(batch.events))
                if position not in batch.skipped
            ]
            batch.skipped.update(range(len(batch.events)))
            await self._forwarder.write_dead_letters([batch])
        self._count([batch])

    async def _look_up_sessions(
        self, batches: Sequence[WorkBatch]
    ) -> dict[tuple[str, int], dict[str, Session]]:
        by_place: defaultdict[tuple[str, int], list[Sighting]] = defaultdict(list)
        for batch in batches:
            by_place[batch.app_id, batch.shard] += self._enricher.prepare(batch)
        found: dict[tuple[str, int], dict[str, Session]] = {}
        for (app_id, shard), sightings in by_place.items():
            if not sightings:
                found[app_id, shard] = {}
                continue
            ids = list({sighting[0] for sighting in sightings})
            known, present = await self._sessions.load(app_id, shard, ids)
            sessions = found[app_id, shard] = fold_sessions(known, sightings)
            changed = {
                session_id: session
                for session_id, session in sessions.items()
                if session_id not in present or session is not known[session_id]
            }
            await self._sessions.save(app_id, shard, changed)
        return found

    async def _write(self, batches: Sequence[WorkBatch]) -> None:
        """Stores the batches; where one row cannot be stored, finds it by halving, so that only it
        becomes a dead letter."""
        try:
            await self._store.write(batches)
        except psycopg.DataError as error:
            if len(batches) > 1:
                middle = len(batches) // 2
                await self._write(batches[:middle])
                await self._write(batches[middle:])
                return
            await self._write_without_failed(batches[0], type(error).__name__)

    async def _write_without_failed(self, batch: WorkBatch, reason: str) -> None:
        live = [p for p in range(len(batch.rows)) if batch.rows[p] and p not in batch.skipped]
        suspects = [live]
        while suspects:
            group = suspects.pop()
            if await self._store.can_store([row for p in group if (row := batch.rows[p])]):
                continue
            if len(group) == 1:
                batch.failed.append(FailedEvent(group[0], f"{reason} while storing"))
                batch.skipped.add(group[0])
                continue
            middle = len(group) // 2
            suspects += [group[:middle], group[middle:]]
        self._dead_letter_limit.check(len(batch.events), len(batch.failed), reason)
        self._dead_letter_limit.note(0, len(batch.failed))
        # Before the batch counts as stored: after that, a repetition would not find the poison again.
        await self._forwarder.write_dead_letters([batch])
        await self._store.write([batch])

    def _count(self, batches: Sequence[WorkBatch]) -> None:
        for batch in batches:
            handled = len(batch.events) - len(batch.failed)
            stored = 0 if batch.repeated else len(batch.events) - len(batch.skipped)
            metrics.STORED.labels(batch.app_id).inc(stored)
            metrics.SKIPPED.labels(batch.app_id).inc(handled - stored)
            if batch.failed:
                metrics.DEAD_LETTERED.labels(batch.app_id).inc(len(batch.failed))
                log.warning("poison", app_id=batch.app_id, events=len(batch.failed))

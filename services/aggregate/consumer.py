"""The loop: read a chunk, count it, tell the watchers, acknowledge it."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack

import structlog
from redis.exceptions import RedisError

from libs.common.runtime import pause
from libs.common.streams import ConsumerGroup, Entry
from libs.common.telemetry import batch_span
from services.aggregate import metrics
from services.aggregate.applier import Applier, NoCatalogError, StoppedError
from services.aggregate.convert import NotABatchError, stored_batch
from services.aggregate.model import StoredBatch
from services.aggregate.ports import LiveCounters
from services.aggregate.quarantine import Quarantine

log = structlog.get_logger()
SAFE_TO_LOG = (NotABatchError, NoCatalogError)
_BLOCK_SECONDS = 0.5
_REDIS_DELAY_SECONDS = 0.5


class Consumer:
    """Counts every entry of its streams once, for as long as there are stores.

    An entry that fails stays pending and its neighbours go on. It comes back, to this consumer or
    another, when it has been pending for `claim_idle_seconds`; such entries are handled one by one,
    so that one that fails, or kills the process, takes no other with it.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        applier: Applier,
        live: LiveCounters,
        quarantine: Quarantine,
        claim_idle_seconds: float,
    ) -> None:
        self._group = group
        self._applier = applier
        self._live = live
        self._quarantine = quarantine
        self._claim_interval_seconds = claim_idle_seconds / 2

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until told to stop; then finishes the chunk at hand."""
        next_claim = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() >= next_claim:
                    # Creates the group as well where it is missing.
                    await self.retry_abandoned(stop)
                    next_claim = time.monotonic() + self._claim_interval_seconds
                await self.handle(await self._group.read(_BLOCK_SECONDS), stop)
            except StoppedError:
                return
            except (RedisError, OSError) as error:
                log.warning("the stream does not answer", error=type(error).__name__)
                await pause(stop, _REDIS_DELAY_SECONDS)

    async def handle(self, entries: Sequence[Entry], stop: asyncio.Event) -> None:
        """Counts a chunk and acknowledges it; an entry that cannot be counted stays pending."""
        if not entries:
            return
        with metrics.CHUNK_SECONDS.time():
            if await self._count(entries, stop) or len(entries) == 1:
                return
            log.warning("a chunk fails, so its entries are tried one by one")
            for entry in entries:
                await self._count([entry], stop)

    async def retry_abandoned(self, stop: asyncio.Event) -> None:
        """Handles, one by one, what was delivered to somebody and never acknowledged."""
        for entry in await self._group.claim_abandoned():
            if stop.is_set():
                return
            if not await self._quarantine.admit(entry):
                continue
            try:
                counted = await self._count([entry], stop)
            except (StoppedError, RedisError, OSError):
                # Not the entry's fault. Where Redis is away the attempt stays counted.
                await self._quarantine.forget(entry)
                raise
            if counted:
                await self._quarantine.forget(entry)

    async def _count(self, entries: Sequence[Entry], stop: asyncio.Event) -> bool:
        """Counts all of the entries and acknowledges them, or none; says which."""
        try:
            batches = [stored_batch(entry.fields) for entry in entries]
            with ExitStack() as spans:
                for batch in batches:
                    spans.enter_context(_span(batch))
                applied = await self._applier.apply(batches, stop)
        except StoppedError:
            raise
        except Exception as error:
            if len(entries) == 1:
                metrics.FAILURES.inc()
                # Other messages may quote the event.
                log.error(
                    "an entry cannot be counted",
                    stream=entries[0].stream.decode(),
                    entry=entries[0].entry_id.decode(),
                    error=type(error).__name__,
                    reason=str(error) if isinstance(error, SAFE_TO_LOG) else "",
                )
            return False
        metrics.BATCHES.inc(applied.batches)
        metrics.DUPLICATES.inc(applied.duplicates)
        for app_id, events in applied.events.items():
            metrics.EVENTS.labels(app_id).inc(events)
        await self._live.publish(applied.states)
        await self._group.acknowledge(entries)
        return True


def _span(batch: StoredBatch) -> AbstractContextManager[str]:
    return batch_span(
        "aggregate.apply", batch.traceparent, app_id=batch.app_id, events=len(batch.events)
    )

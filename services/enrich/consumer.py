"""The loop that feeds enrich: chunks of batches from the raw streams, acknowledged when they are done."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

import psycopg
import structlog
from google.protobuf.message import DecodeError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from libs.common.runtime import pause
from libs.common.sharding import shard_key
from libs.common.streams import ConsumerGroup, Entry
from libs.common.telemetry import batch_span
from services.enrich import convert, metrics
from services.enrich.attempts import Attempts
from services.enrich.chunk import ChunkProcessor, PoisonFloodError
from services.enrich.model import WorkBatch
from services.enrich.settings import EnrichSettings

log = structlog.get_logger()
READ_SECONDS = 0.25
# Whatever Postgres says except that a row cannot be stored, which `ChunkProcessor` deals with: a table or
# a right that is missing is no property of the events, and is waited for.
STORES_DOWN = (RedisError, psycopg.Error, SQLAlchemyError, OSError)


def raw_stream(shard: int) -> str:
    """Ingest's stream of accepted batches."""
    return shard_key("ingest", shard, "raw")


class RawConsumer:
    """Reads, processes, acknowledges; takes over what a dead consumer left."""

    def __init__(
        self,
        redis: Redis,
        group: ConsumerGroup,
        processor: ChunkProcessor,
        attempts: Attempts,
        congested: asyncio.Event,
        settings: EnrichSettings,
    ) -> None:
        self._redis = redis
        self._group = group
        self._processor = processor
        self._attempts = attempts
        self._congested = congested
        self._settings = settings
        # Chunks under way: one is prepared while another is stored.
        self._places = asyncio.Semaphore(2)
        self._shards = {raw_stream(shard).encode(): shard for shard in range(settings.shards)}

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until told to stop, and then finishes the chunks it has begun."""
        async with asyncio.TaskGroup() as under_way:
            await self._feed(under_way, stop)

    async def _feed(self, under_way: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        next_claim = 0.0
        while not stop.is_set():
            try:
                if self._congested.is_set():
                    await pause(stop, READ_SECONDS)
                    continue
                if loop.time() >= next_claim:
                    # Creates the group as well where it is missing.
                    abandoned = await self._group.claim_abandoned()
                    await self._handle_abandoned(abandoned, stop)
                    # A dead consumer may have left more than one chunk.
                    if not abandoned:
                        next_claim = loop.time() + self._settings.claim_idle_seconds / 4
                await self._places.acquire()
                entries = await self._read()
                if entries:
                    task = under_way.create_task(self._handle(entries, stop))
                    task.add_done_callback(lambda _: self._places.release())
            except STORES_DOWN as error:
                log.warning("enrich waits", error=type(error).__name__)
                await pause(stop, 0.5)

    async def _read(self) -> Sequence[Entry]:
        """The next chunk; gives its place back where there is none."""
        entries: Sequence[Entry] = ()
        try:
            entries = await self._group.read(READ_SECONDS)
        finally:
            if not entries:
                self._places.release()
        return entries

    async def _handle_abandoned(self, entries: Sequence[Entry], stop: asyncio.Event) -> None:
        """What was left behind by a consumer that died, perhaps *of* it: one entry at a time, and
        after too many deaths not at all."""
        for entry in entries:
            shard = self._shards[entry.stream]
            if await self._attempts.begin(entry, shard) <= self._settings.max_attempts:
                await self._handle([entry], stop)
            else:
                log.error("batch put aside", entry=entry.entry_id.decode())
                for batch in await self._decode([entry]):
                    await self._processor.quarantine(batch, "every attempt at the batch died")
                await self._group.acknowledge([entry])
            await self._attempts.end(entry, shard)

    async def _handle(self, entries: Sequence[Entry], stop: asyncio.Event) -> None:
        """Processes until it succeeds: while a store is down, the entries are kept and tried again."""
        while True:
            try:
                with metrics.CHUNK_SECONDS.time():
                    await self._process(entries)
                    await self._group.acknowledge(entries)
            except (*STORES_DOWN, PoisonFloodError) as error:
                log.warning("enrich tries again", error=type(error).__name__, exc_info=True)
                if stop.is_set():
                    return  # not acknowledged: somebody will claim them
                await pause(stop, 0.5)
            else:
                return

    async def _process(self, entries: Sequence[Entry]) -> None:
        batches = await self._decode(entries)
        if not batches:
            return
        with ExitStack() as spans:
            for batch in batches:
                batch.traceparent = spans.enter_context(
                    batch_span(
                        "enrich.batch",
                        batch.traceparent,
                        app_id=batch.app_id,
                        events=len(batch.events),
                    )
                )
            await self._processor.process(batches)

    async def _decode(self, entries: Sequence[Entry]) -> list[WorkBatch]:
        """The entries' batches; what is none is put aside in a stream of its own."""
        batches = []
        for entry in entries:
            try:
                batches.append(convert.work_batch(entry, self._shards[entry.stream]))
            except (DecodeError, KeyError, ValueError) as error:
                log.error("not a batch", entry=entry.entry_id.decode(), error=type(error).__name__)
                shard = self._shards[entry.stream]
                await self._redis.xadd(
                    shard_key("enrich", shard, "poison"),
                    dict(entry.fields.items()),
                )
        return batches

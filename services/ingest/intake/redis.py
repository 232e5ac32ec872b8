"""Ingest's Redis: one script that finds new ids and appends their events, and the size of the backlog."""

from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from libs.common.errors import Unavailable
from libs.common.sharding import shard_key
from libs.stores.redis_commands import RedisCommands
from libs.streams.compression import compress
from libs.streams.names import ingest_dead_letters, raw_stream
from services.ingest import metrics
from services.ingest.intake import convert
from services.ingest.intake.day_only import in_whole_days
from services.ingest.intake.model import Append, Appended, Backlog
from services.ingest.settings import IngestSettings

APPEND_SCRIPT = Path(__file__).with_name("dedupe_and_append.lua")


class RedisRawStream:
    """Implements `ports.RawStream`: appends with `commands`, which cost little, and measures the backlog
    with `redis`. Both are the caller's to close."""

    def __init__(self, redis: Redis, commands: RedisCommands, settings: IngestSettings) -> None:
        self._redis = redis
        self._script = commands.script(APPEND_SCRIPT.read_text())
        self._shards = settings.shards
        self._max_entries = settings.max_backlog_entries
        self._max_bytes = settings.max_backlog_bytes
        self._idempotency_window_ms = settings.idempotency_window_seconds * 1000
        # Shards whose backlog has more bytes than it may.
        self._full_shards: set[int] = set()

    async def append(self, shard: int, append: Append) -> Appended | None:
        """See `ports.RawStream`."""
        if shard in self._full_shards:
            return None
        now_ms = append.received_at_us // 1000
        windows_ms = append.dedupe_window_seconds * 1000, self._idempotency_window_ms
        if append.day_only:
            windows_ms = in_whole_days(windows_ms[0]), in_whole_days(windows_ms[1])
        try:
            reply = await self._run(shard, append, now_ms, *windows_ms)
        except (ConnectionError, ResponseError) as error:
            if _is_out_of_memory(error):
                return None
            raise Unavailable(
                "the stream of events does not answer", retry_after_seconds=1.0
            ) from error
        if reply is None:
            return None
        positions, conflicts = reply
        return Appended(frozenset(positions), frozenset(conflicts))

    async def _run(
        self, shard: int, append: Append, now_ms: int, window_ms: int, key_window_ms: int
    ) -> Any:
        batch = convert.event_batch(append)
        return await self._script.run(
            [
                raw_stream(shard),
                ingest_dead_letters(shard),
                *_windows(shard, "seen", append.app_id, now_ms, window_ms),
                *_windows(shard, "idempotency", append.app_id, now_ms, key_window_ms),
            ],
            [
                append.batch_id,
                now_ms,
                window_ms,
                append.event_uuids,
                append.fingerprints,
                append.idempotency_uuids,
                key_window_ms,
                compress(batch),
                convert.dead_letter_batch(append.dead_letters),
                append.traceparent,
                self._max_entries,
                len(batch),
                append.mark or append.batch_id,
            ],
        )

    async def limit_backlogs(self) -> None:
        """Measures each shard's backlog, publishes it and limits it."""
        for shard in range(self._shards):
            backlog = await self.measure_backlog(shard)
            self.limit_backlog(shard, backlog)
            metrics.BACKLOG_ENTRIES.labels(shard).set(backlog.entries)
            metrics.BACKLOG_BYTES.labels(shard).set(backlog.size_bytes)

    async def measure_backlog(self, shard: int) -> Backlog:
        """The size of a shard's backlog. Raises RedisError."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.xlen(raw_stream(shard))
            pipeline.memory_usage(raw_stream(shard), samples=5)
            pipeline.memory_usage(ingest_dead_letters(shard), samples=5)
            entries, *sizes = await pipeline.execute()
        return Backlog(entries, sum(int(size or 0) for size in sizes))

    def limit_backlog(self, shard: int, backlog: Backlog) -> None:
        """Appends nothing to a shard whose backlog has too many bytes, until this is called with one that has
        not. Entries are counted by the append script."""
        if backlog.size_bytes > self._max_bytes:
            self._full_shards.add(shard)
        else:
            self._full_shards.discard(shard)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether `maxmemory` is reached; before Redis 7, a script's error only quotes the command's."""
    text = str(error)
    return isinstance(error, ResponseError) and (text.startswith("OOM ") or "-OOM " in text)


def _windows(shard: int, kind: str, app_id: str, now_ms: int, window_ms: int) -> list[str]:
    """The keys of the hashes with the ids of this window, of the last one and of the next one."""
    current = now_ms // window_ms
    return [
        shard_key("ingest", shard, kind, app_id, str(current + offset)) for offset in (0, -1, 1)
    ]

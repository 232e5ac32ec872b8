"""Redis streams as work queues: consumer groups that take over abandoned entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from libs.stores.redis_client import RedisClient
from libs.stores.redis_commands import Command

# A chunk is what one transaction downstream handles: large enough to share its cost among more than
# a thousand events, small enough to keep the delay and the memory low. All sizes are of decompressed batches.
TARGET_CHUNK_BYTES = 500_000
MAX_CHUNK_ENTRIES = 1_000
# Some 800 events.
SMALL_CHUNK_BYTES = 256 * 1024
# Entries in one answer of Redis. With the largest that ingest takes, 4 MiB, this is the most memory that
# a chunk needs.
MAX_STEP_ENTRIES = 64
# Where XAUTOCLAIM begins, and what it returns when it has seen all pending entries.
_START = b"0-0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One delivered entry: which stream, which id, what it holds."""

    stream: bytes
    entry_id: bytes
    fields: Mapping[bytes, bytes]

    @property
    def size_bytes(self) -> int:
        """How much memory what it holds takes, decompressed; if it does not say, what its fields have."""
        size = self.fields.get(b"size", b"")
        return int(size) if size.isdigit() else sum(map(len, self.fields.values()))

    @property
    def key(self) -> tuple[bytes, bytes]:
        """Stream and id, which no other entry has."""
        return self.stream, self.entry_id


class ConsumerGroup:
    """Reads entries that no other consumer of the group has, and entries that a dead one left.

    An entry stays pending until `acknowledge`; one that has been pending for `claim_idle_seconds`
    goes to whichever consumer asks next. So each entry is delivered at least once, and more than
    once if a consumer dies or is slow: what an entry causes must be safe to repeat.
    """

    def __init__(
        self,
        redis: RedisClient,
        streams: Sequence[str],
        group: str,
        consumer: str,
        claim_idle_seconds: float,
    ) -> None:
        self._redis = redis
        self._commands = redis.commands
        self._streams = list(streams)
        self._group = group
        self._consumer = consumer
        self._claim_idle_ms = int(claim_idle_seconds * 1000)
        self._mean_entry_bytes = TARGET_CHUNK_BYTES / 10
        # By stream: the pending entry from which the next claim goes on.
        self._claim_from: dict[str, bytes] = {}

    @property
    def name(self) -> str:
        """The group's name."""
        return self._group

    @property
    def claim_idle_seconds(self) -> float:
        """How long an entry may be pending before another consumer may have it."""
        return self._claim_idle_ms / 1000

    async def create(self) -> None:
        """Creates the group if it is missing, from the oldest entry on: none is skipped."""
        for stream in self._streams:
            try:
                await self._redis.xgroup_create(stream, self._group, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def read(self, block_seconds: float, begun: Sequence[Entry] = ()) -> list[Entry]:
        """The next chunk of entries, oldest first; empty if none arrived in `block_seconds`. A chunk that was
        `begun` goes on: its entries come first, and count into its size.

        Read in steps, because Redis counts entries and memory is bytes: what comes next may be larger
        than all before it.
        """
        chunk = list(begun)
        block_ms: int | None = max(1, int(block_seconds * 1000))
        while len(chunk) < MAX_CHUNK_ENTRIES:
            left_bytes = TARGET_CHUNK_BYTES - size_bytes(chunk)
            if left_bytes <= 0:
                break
            count = self._step_entries_of_each(left_bytes)
            step = await self._read_step(count, block_ms)
            chunk += step
            if len(step) < count:
                break
            block_ms = None
        return chunk

    async def _read_step(self, count: int, block_ms: int | None) -> list[Entry]:
        blocking: Command = () if block_ms is None else ("BLOCK", block_ms)
        command: Command = (
            *("XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", count, *blocking),
            *("STREAMS", *self._streams, *(">" for _ in self._streams)),
        )
        try:
            if blocking:
                reply = await self._commands.run_blocking(command)
            else:
                [reply] = await self._commands.run(command)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            # The stream was lost together with the group: start over with whatever is there.
            await self.create()
            return []
        return self._observed(
            [
                Entry(stream, entry_id, dict(zip(values[::2], values[1::2], strict=True)))
                for stream, entries in reply or ()
                for entry_id, values in entries
            ]
        )

    async def claim_abandoned(self) -> list[Entry]:
        """Entries whose consumer has not acknowledged them for `claim_idle_seconds`; now ours.

        Each call goes on where the last one stopped, up to the newest pending entry, and the next one begins
        with the oldest again: entries that stay pending do not hide those behind them.
        """
        claimed: list[Entry] = []
        for stream in self._streams:
            try:
                claimed += await self._claim_of(stream)
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._claim_from.pop(stream, None)
                await self.create()
        return self._observed(claimed)

    async def _claim_of(self, stream: str) -> list[Entry]:
        """The next abandoned entries of one stream; none if there are none up to the newest pending one."""
        while True:
            # Redis looks at ten times `count` pending entries, whether it can claim them or not.
            cursor, entries, *_ = await self._redis.xautoclaim(
                stream,
                self._group,
                self._consumer,
                min_idle_time=self._claim_idle_ms,
                start_id=self._claim_from.get(stream, _START),
                count=self._step_entries_of_each(),
            )
            self._claim_from[stream] = cursor
            # An entry that was trimmed meanwhile comes back without fields.
            if found := [Entry(stream.encode(), entry_id, f) for entry_id, f in entries if f]:
                return found
            if cursor == _START:
                return []

    async def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Marks entries as done."""
        by_stream: dict[bytes, list[bytes]] = {}
        for entry in entries:
            by_stream.setdefault(entry.stream, []).append(entry.entry_id)
        commands: list[Command] = [
            ("XACK", stream, self._group, *ids) for stream, ids in by_stream.items()
        ]
        await self._commands.run(*commands)

    async def renew(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Renews the claims on these (stream, entry id), so that no other consumer takes them."""
        by_stream: dict[bytes, list[Any]] = {}
        for stream, entry_id in entries:
            by_stream.setdefault(stream, []).append(entry_id)
        for stream, ids in by_stream.items():
            await self._redis.xclaim(stream, self._group, self._consumer, 0, list(ids), justid=True)

    def _step_entries_of_each(self, left_bytes: float = TARGET_CHUNK_BYTES) -> int:
        """How many entries of each stream one step may bring."""
        step = min(MAX_STEP_ENTRIES, int(left_bytes / self._mean_entry_bytes))
        return max(1, step // len(self._streams))

    def _observed(self, entries: list[Entry]) -> list[Entry]:
        if entries:
            self._mean_entry_bytes += 0.2 * (
                size_bytes(entries) / len(entries) - self._mean_entry_bytes
            )
        return entries


def size_bytes(entries: Iterable[Entry]) -> int:
    """What entries hold, decompressed."""
    return sum([entry.size_bytes for entry in entries])

"""Live numbers for watchers: one Redis subscription per process, however many watch."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import structlog
from redis.asyncio import Redis

from libs.common.errors import Unavailable
from libs.common.redis_client import REDIS_DOWN
from libs.common.runtime import pause
from services.aggregate import metrics
from services.aggregate.live.counters import decode_states, live_channel
from services.aggregate.live.watchers import Watcher
from services.aggregate.model import CellState
from services.aggregate.ports import CellReader

log = structlog.get_logger()
_SUBSCRIBE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_PATTERN = live_channel("*").encode()


class WatchHub:
    """Hands changes from Redis to watchers. Holds a subscription only while somebody watches."""

    def __init__(
        self, redis: Redis, reader: CellReader, *, interval_seconds: float, watcher_cells: int
    ) -> None:
        self._redis = redis
        self._reader = reader
        self._interval_seconds = interval_seconds
        self._watcher_cells = watcher_cells
        self._watchers: dict[bytes, set[Watcher]] = {}
        self._wanted = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._draining = asyncio.Event()

    async def watch(self, app_id: str, rollups: frozenset[str]) -> AsyncIterator[list[CellState]]:
        """Yields the current buckets first, even where there are none, and then what changes, at most
        once in `interval_seconds`. A slow reader skips states, never the newest one.

        Raises Unavailable when the service drains, and where Redis does not answer.
        """
        with self._watching(app_id, rollups) as watcher:
            while True:
                if watcher.stale:
                    yield await self._fresh_start(watcher, app_id, rollups)
                elif changed := watcher.take():
                    yield changed
                await pause(self._draining, self._interval_seconds)
                await watcher.changed.wait()
                if self._draining.is_set():
                    raise Unavailable(
                        "the service is draining; open a new stream",
                        reason="DRAINING",
                        retry_after_seconds=1.0,
                    )

    def drain(self) -> None:
        """Ends all streams."""
        self._draining.set()
        for watcher in self._all():
            watcher.changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Listens to Redis, whenever somebody watches, until told to stop."""
        while not stop.is_set():
            await pause(self._wanted, _POLL_SECONDS)
            if not self._wanted.is_set():
                continue
            try:
                await self._listen(stop)
            except REDIS_DOWN as error:
                log.warning("watchers wait", error=type(error).__name__)
                await pause(stop, _POLL_SECONDS)
            finally:
                self._subscribed.clear()

    async def _listen(self, stop: asyncio.Event) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.psubscribe(_PATTERN)
            while self._watchers and not stop.is_set():
                message = await pubsub.get_message(timeout=_POLL_SECONDS)
                if message is None:
                    continue
                if message["type"] == "psubscribe":
                    # The first one, and one after each lost connection: what was said meanwhile
                    # is not repeated.
                    self._subscribed.set()
                    for watcher in self._all():
                        watcher.restart()
                elif message["type"] == "pmessage":
                    self._hand_out(message["channel"], message["data"])

    def _hand_out(self, channel: bytes, data: bytes) -> None:
        watchers = self._watchers.get(channel)
        if not watchers:
            return
        try:
            states = decode_states(channel[len(_PATTERN) - 1 :].decode(), data)
        except (ValueError, TypeError):
            log.error("not a message of live numbers", channel=channel.decode(errors="replace"))
            return
        for state in states:
            for watcher in watchers:
                watcher.offer(state)

    async def _fresh_start(
        self, watcher: Watcher, app_id: str, rollups: frozenset[str]
    ) -> list[CellState]:
        try:
            # First listen, then read: what changes in between comes as a message.
            await asyncio.wait_for(self._subscribed.wait(), _SUBSCRIBE_SECONDS)
        except TimeoutError:
            raise Unavailable("live numbers are not available", retry_after_seconds=1.0) from None
        watcher.stale = False
        return watcher.begin(await self._reader.newest_cells(app_id, sorted(rollups)))

    @contextmanager
    def _watching(self, app_id: str, rollups: frozenset[str]) -> Iterator[Watcher]:
        channel = live_channel(app_id).encode()
        watcher = Watcher(rollups, self._watcher_cells)
        self._watchers.setdefault(channel, set()).add(watcher)
        self._wanted.set()
        metrics.WATCHERS.inc()
        try:
            yield watcher
        finally:
            metrics.WATCHERS.dec()
            self._watchers[channel].discard(watcher)
            if not self._watchers[channel]:
                del self._watchers[channel]
            if not self._watchers:
                self._wanted.clear()

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

"""Live numbers for watchers: one Redis subscription per process, however many watch."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import datetime

import structlog
from redis.asyncio import Redis

from libs.catalog import Catalogs
from libs.common.errors import Unavailable
from libs.runtime.loops import either, pause
from libs.stores.redis_client import REDIS_DOWN
from services.aggregate import metrics
from services.aggregate.answer_sizes import WATCH_MESSAGE_BYTES
from services.aggregate.live.changes import Changes, joined
from services.aggregate.live.convert import encoded_state
from services.aggregate.live.pace import pause_seconds
from services.aggregate.live.redis import decode_states, live_channel
from services.aggregate.live.watchers import Watcher, Watchers
from services.aggregate.model import CellState
from services.aggregate.plan import AppPlan, compile_plan
from services.aggregate.ports import CellReader

log = structlog.get_logger()
_SUBSCRIBE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_CHANNELS = live_channel("*")
# Pages that are read at once for watchers that begin, which after a lost connection to Redis all do: the
# other connections to Postgres are for queries.
_READS = 2
# Cells of one app whose newest version is remembered.
_VERSIONS = 20_000


class WatchHub:
    """Hands changes from Redis to watchers. Holds a subscription only while there are watchers.

    All of them together hold at most `max_bytes` of changes that some have not been sent yet. Beside that,
    each holds one message that is on its way to its caller, or, at its start, one page of messages.
    """

    def __init__(
        self,
        redis: Redis,
        catalogs: Catalogs,
        reader: CellReader,
        watchers: Watchers,
        *,
        interval_seconds: float,
        max_bytes: int,
    ) -> None:
        self._redis = redis
        self._catalogs = catalogs
        self._snapshot = catalogs.current
        self._reader = reader
        self._watchers = watchers
        self._interval_seconds = interval_seconds
        self._max_bytes = max_bytes
        self._changes: dict[str, Changes] = {}
        self._bytes_on_their_way = 0
        self._reads = asyncio.Semaphore(_READS)
        self._wanted = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._draining = asyncio.Event()

    async def watch(self, app: AppPlan, rollups: frozenset[str]) -> AsyncGenerator[bytes]:
        """Yields encoded WatchRollupsResponses: the current buckets first, even when there is nothing in
        them, and then what changes: at once, and the next time after a pause of `interval_seconds`, which
        grows with the watchers, unless there is more than a message holds. A slow reader skips states,
        never the newest one; one for which too much has piled up gets the current buckets again. Ends when
        the catalog has other rollups than `app`.

        Raises ResourceExhausted when there are too many watchers, Unavailable when the service drains, and
        when Redis does not answer.
        """
        app_id = app.app_id
        with self._watching(app_id, rollups) as watcher:
            changes = self._changes[app_id]
            while self._is_in_use(app):
                more = False
                if watcher.stale:
                    async with aclosing(self._current(watcher, changes, app)) as messages:
                        async for message in messages:
                            yield message
                else:
                    found, watcher.place, more = changes.after(
                        watcher.place, rollups, WATCH_MESSAGE_BYTES
                    )
                    if found:
                        with self._on_its_way(sum(map(len, found))):
                            yield b"".join(found)
                if not more:
                    self._forget_sent(app_id, changes)
                    seconds = pause_seconds(self._interval_seconds, len(self._watchers.all()))
                    await pause(self._draining, seconds)
                    await watcher.changed.wait()
                    watcher.changed.clear()
                if self._draining.is_set():
                    raise Unavailable(
                        "the service is draining; open a new stream",
                        reason="DRAINING",
                        retry_after_seconds=1.0,
                    )

    def drain(self) -> None:
        """Ends all streams."""
        self._draining.set()
        for watcher in self._watchers.all():
            watcher.changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Listens to Redis, whenever there are watchers, until `stop` is set."""
        while not stop.is_set():
            await either(self._wanted, stop)
            if stop.is_set():
                return
            try:
                await self._listen(stop)
            except REDIS_DOWN as error:
                log.warning("watchers wait", error=type(error).__name__)
                await pause(stop, _POLL_SECONDS)
            finally:
                self._subscribed.clear()

    async def _listen(self, stop: asyncio.Event) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.psubscribe(_CHANNELS)
            while self._changes and not stop.is_set():
                self._wake_for_new_catalogs()
                message = await pubsub.get_message(timeout=_POLL_SECONDS)
                if message is None:
                    continue
                if message["type"] == "psubscribe":
                    # The first one, and one after each lost connection: what was said meanwhile
                    # is not repeated.
                    self._subscribed.set()
                    for watcher in self._watchers.all():
                        watcher.restart()
                elif message["type"] == "pmessage":
                    self._hand_out(message["channel"].decode(errors="replace"), message["data"])

    def _is_in_use(self, app: AppPlan) -> bool:
        snapshot = self._catalogs.current
        if app.app_id not in snapshot.catalogs:
            return False
        return snapshot.derived(app.app_id, compile_plan).rollups == app.rollups

    def _wake_for_new_catalogs(self) -> None:
        """Has each call look whether what it watches is still there."""
        if self._catalogs.current is not self._snapshot:
            self._snapshot = self._catalogs.current
            for watcher in self._watchers.all():
                watcher.changed.set()

    def _hand_out(self, channel: str, data: bytes) -> None:
        app_id = channel.removeprefix(live_channel(""))
        changes = self._changes.get(app_id)
        if changes is None:
            return
        # Cells of other rollups would become messages for no watcher; one that comes later reads them.
        wanted = frozenset[str]().union(*(each.names for each in self._watchers.of(app_id)))
        try:
            states = decode_states(app_id, data, wanted)
        except (ValueError, TypeError):
            log.error("not a message of live numbers", channel=channel)
            return
        before = changes.newest
        rollups = {state.cell.rollup for state in states if changes.offer(state)}
        for watcher in self._watchers.of(app_id):
            if not rollups.isdisjoint(watcher.names):
                watcher.changed.set()
            elif watcher.place == before:
                watcher.place = changes.newest
        self._forget_sent(app_id, changes)
        self._keep_to_the_limit()

    def _forget_sent(self, app_id: str, changes: Changes) -> None:
        """Forgets the changes that all watchers were sent. Stale ones need none: they start again."""
        places = [each.place for each in self._watchers.of(app_id) if not each.stale]
        changes.forget_through(min(places, default=changes.newest))
        self._measure()

    def _keep_to_the_limit(self) -> None:
        held = self._held_bytes()
        while held > self._max_bytes:
            app_id, largest = max(self._changes.items(), key=lambda item: item[1].held_bytes)
            before = largest.held_bytes
            largest.drop_oldest(held - self._max_bytes)
            for watcher in self._watchers.of(app_id):
                if watcher.place < largest.lost and not watcher.stale:
                    metrics.RESTARTED_WATCHERS.inc()
                    watcher.restart()
            # Those that were restarted just now need none of these changes.
            self._forget_sent(app_id, largest)
            held += largest.held_bytes - before
        self._measure()

    async def _current(
        self, watcher: Watcher, changes: Changes, app: AppPlan
    ) -> AsyncGenerator[bytes]:
        """The cells of the newest buckets, page by page; less when the watcher is stale again."""
        try:
            # First listen, then read: what changes in between comes as a message.
            await asyncio.wait_for(self._subscribed.wait(), _SUBSCRIBE_SECONDS)
        except TimeoutError:
            raise Unavailable("live numbers are not available", retry_after_seconds=1.0) from None
        watcher.stale = False
        watcher.place = changes.newest
        async with self._reads:
            buckets = await self._reader.newest_buckets(app.app_id, sorted(watcher.names))
        after: CellState | None = None
        while True:
            messages, after = await self._page(changes, app, buckets, after)
            with self._on_its_way(sum(map(len, messages))):
                while messages:
                    yield messages.pop()
            if after is None or watcher.stale:
                return

    async def _page(
        self,
        changes: Changes,
        app: AppPlan,
        buckets: Mapping[str, datetime],
        after: CellState | None,
    ) -> tuple[list[bytes], CellState | None]:
        """A page of the newest buckets as messages, the first one last, and the cell to go on after. What
        was read is gone on return: while a caller does not read, as little as possible waits for it."""
        async with self._reads:
            page = await self._reader.newest_cells(app, buckets, after)
        messages = joined(map(changes.read, page.states), WATCH_MESSAGE_BYTES)
        messages.reverse()
        return messages, page.states[-1] if page.more else None

    @contextmanager
    def _on_its_way(self, size: int) -> Iterator[None]:
        self._bytes_on_their_way += size
        self._measure()
        try:
            yield
        finally:
            self._bytes_on_their_way -= size
            self._measure()

    def _held_bytes(self) -> int:
        return sum(changes.held_bytes for changes in self._changes.values())

    def _measure(self) -> None:
        metrics.WATCHED_BYTES.set(self._held_bytes() + self._bytes_on_their_way)

    @contextmanager
    def _watching(self, app_id: str, rollups: frozenset[str]) -> Iterator[Watcher]:
        with self._watchers.hold(app_id, rollups) as watcher:
            self._changes.setdefault(app_id, Changes(encoded_state, _VERSIONS))
            self._wanted.set()
            try:
                yield watcher
            finally:
                # The watcher itself is still among them.
                if len(self._watchers.of(app_id)) == 1:
                    del self._changes[app_id]
                    self._measure()
                if not self._changes:
                    self._wanted.clear()

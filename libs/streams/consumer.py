"""The loop of every reader of a stream: read a chunk, have it worked on, acknowledge it."""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from libs.runtime.loops import pause
from libs.runtime.process_name import process_name
from libs.runtime.sparse_log import SparseWarning
from libs.stores.failure import StoreFailure
from libs.stores.redis_client import REDIS_DOWN, RedisClient
from libs.streams import metrics
from libs.streams.errors import EntryError, NotYetError, UnreadableError
from libs.streams.groups import SMALL_CHUNK_BYTES, ConsumerGroup, Entry, size_bytes
from libs.streams.overload import Overload
from libs.streams.quarantine import Quarantine
from libs.streams.settings import StreamReaderSettings
from libs.streams.small_chunks import pause_seconds

log = structlog.get_logger()
# How long a read waits for entries, and so how soon a stop or a pause is noticed.
_READ_SECONDS = 0.25
_OUTAGE_PAUSE_SECONDS = 0.5
_CLAIMS_PER_IDLE_TIME = 4
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 5.0
# How often an overloaded store is asked for the same work before it is asked for less.
_OVERLOADED_TRIES = 3
# After so many rounds in which no single entry of a chunk succeeds, they are left pending: other chunks get
# their turn.
_OVERLOADED_ROUNDS = 25

# Does all that the entries ask for; on return it is on disk. It must be safe to repeat.
Work = Callable[[Sequence[Entry]], Awaitable[None]]


@dataclass(frozen=True)
class EntryHandling:
    """What a reader does with entries. `dead_letter` makes dead letters of the events of entries at which too
    many attempts failed; without it, or if it calls them unreadable, they are quarantined. While `is_paused`
    says so, nothing is read. `overlap` is how many chunks may be worked on at a time.

    A chunk costs a transaction and a dozen commands whatever its size. So those of less than
    SMALL_CHUNK_BYTES begin `small_chunk_seconds` apart, up to four times as much after many entries, each
    with all that has come meanwhile; the first after a pause at once.
    """

    work: Work
    # What a failure of a store means; None for other errors.
    failure_of: Callable[[Exception], StoreFailure | None]
    dead_letter: Work | None = None
    is_paused: Callable[[], bool] = lambda: False
    overlap: int = 1
    small_chunk_seconds: float = 0.04


class _Outcome(Enum):
    DONE = auto()
    FAILED = auto()
    # Something outside of the entry has to happen first; others may be done before it.
    NOT_YET = auto()
    # A store answered, and could not do it now.
    OVERLOADED = auto()
    # Asked to stop while a store was away; not the entries' fault.
    STOPPED = auto()


class Consumer:
    """Has every entry of a group's streams worked on until it is done, for as long as there are stores.

    - While a store is away (`failure_of` says unavailable, or Redis itself fails), a chunk is kept and
      tried again.
    - If a store answers, but keeps failing at a chunk (overloaded), the chunk is taken apart, down to
      single entries. An entry that fails so while others succeed has failed for a reason of its own.
    - A chunk that fails is tried entry by entry: neighbours of the one at fault go on. That one stays
      pending, comes back when it has been for the group's `claim_idle_seconds`, here or elsewhere, and
      is then handled alone, as is whatever a dead consumer left: so an entry that kills the process
      takes no other with it.
    - An entry at which `work` raises NotYetError waits like one that fails, and the attempt does not count.
    - After too many such attempts `dead_letter` makes dead letters of its events, or it is quarantined; an
      entry that `work` calls unreadable is quarantined at once.
    """

    def __init__(
        self,
        group: ConsumerGroup,
        quarantine: Quarantine,
        handling: EntryHandling,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._group = group
        self._quarantine = quarantine
        self._handling = handling
        self._slots = asyncio.Semaphore(handling.overlap)
        self._claim_seconds = group.claim_idle_seconds / _CLAIMS_PER_IDLE_TIME
        # From 0 to 1: replicas that collided must not come back together.
        self._jitter = jitter
        self._in_flight: set[tuple[bytes, bytes]] = set()
        # When a small chunk may begin.
        self._next_small = 0.0
        self._overload = Overload()
        self._waiting = SparseWarning("an entry waits")

    async def run(self, stop: asyncio.Event) -> None:
        """Consumes until `stop` is set, and then finishes the attempts under way. What else there is of their
        chunks stays pending, and another consumer takes it over."""
        renewing = asyncio.create_task(self._renew())
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._poll(tasks, stop)
        finally:
            renewing.cancel()

    async def _poll(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        next_claim = 0.0
        while not stop.is_set():
            try:
                if self._handling.is_paused():
                    await pause(stop, _READ_SECONDS)
                elif time.monotonic() >= next_claim:
                    # Creates the group as well if it is missing. A dead consumer may have left more
                    # than one claim gives.
                    if not await self._process_abandoned(stop):
                        next_claim = time.monotonic() + self._claim_seconds
                else:
                    await self._take_chunk(tasks, stop)
            except REDIS_DOWN as error:
                log.warning("the stream does not answer", error=type(error).__name__)
                await pause(stop, _OUTAGE_PAUSE_SECONDS)

    async def _renew(self) -> None:
        """Renews claims, so that no other consumer takes entries that are still being processed, however
        long a store is away."""
        while True:
            await asyncio.sleep(self._claim_seconds)
            # While Redis is away, no consumer can claim either.
            with contextlib.suppress(*REDIS_DOWN):
                await self._group.renew(self._in_flight)

    async def _take_chunk(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        await self._slots.acquire()
        entries: Sequence[Entry] = ()
        try:
            # The wait for a slot may have been long.
            if not stop.is_set():
                entries = await self._read(stop)
        finally:
            if not entries:
                self._slots.release()
        if entries:
            seconds = pause_seconds(self._handling.small_chunk_seconds, len(entries))
            self._next_small = time.monotonic() + seconds
            chunk = tasks.create_task(self._handle(entries, stop))
            chunk.add_done_callback(lambda _: self._slots.release())

    async def _read(self, stop: asyncio.Event) -> Sequence[Entry]:
        """The next chunk; a small one waits for its time, and for more."""
        entries = await self._group.read(_READ_SECONDS)
        early = self._next_small - time.monotonic()
        if entries and early > 0 and size_bytes(entries) < SMALL_CHUNK_BYTES:
            # They are pending from here on.
            with self._holding(entries):
                await pause(stop, early)
                if not stop.is_set():
                    # Without Redis, those that are read wait for it like any chunk.
                    with contextlib.suppress(*REDIS_DOWN):
                        entries = await self._group.read(0, entries)
        return entries

    async def _process_abandoned(self, stop: asyncio.Event) -> bool:
        """Handles, one by one, what other consumers never acknowledged; True if there may be more.

        False if the store fails at it: then new entries, which it may take, come first.
        """
        overloaded = False
        claimed = await self._group.claim_abandoned()
        # Ours among them were renewed too late: this process was busy, or Redis away.
        abandoned = [entry for entry in claimed if entry.key not in self._in_flight]
        # All of them, also those whose turn comes later: no other consumer may claim and try them meanwhile.
        with self._holding(abandoned):
            for entry in abandoned:
                if stop.is_set():
                    break
                work = self._work_on if await self._quarantine.admit(entry) else self._give_up_on
                outcome = await self._attempt(work, [entry], stop)
                if outcome is _Outcome.DONE:
                    await self._quarantine.forget(entry)
                elif outcome is not _Outcome.FAILED:
                    await self._quarantine.refund_attempt(entry)
                overloaded |= outcome is _Outcome.OVERLOADED
        return bool(abandoned) and not overloaded

    async def _work_on(self, entries: Sequence[Entry]) -> None:
        await self._handling.work(entries)
        # Not for a dead letter or a quarantined entry, which the store need not take part in.
        self._overload.note_success()

    async def _give_up_on(self, entries: Sequence[Entry]) -> None:
        """What happens instead of work after too many attempts: dead letters, else quarantine."""
        if self._handling.dead_letter is None:
            raise UnreadableError("too many attempts failed")
        await self._handling.dead_letter(entries)
        for entry in entries:
            await self._quarantine.note_dead_lettered(entry)

    async def _handle(self, entries: Sequence[Entry], stop: asyncio.Event) -> None:
        with self._holding(entries), metrics.CHUNK_SECONDS.labels(self._group.name).time():
            parts = deque([entries])
            delay, left = _FIRST_DELAY_SECONDS, _OVERLOADED_ROUNDS
            while parts and left:
                part = parts.popleft()
                outcome = await self._attempt(self._work_on, part, stop)
                if outcome is _Outcome.FAILED and len(part) > 1:
                    log.warning("a chunk fails, so its entries are tried one by one")
                    parts.extendleft([entry] for entry in reversed(part))
                elif outcome is _Outcome.OVERLOADED and len(part) > 1:
                    log.warning("a chunk is too much for the store, so it is halved")
                    middle = len(part) // 2
                    parts += (part[:middle], part[middle:])
                elif outcome is _Outcome.OVERLOADED:
                    parts.append(part)
                    left -= 1
                    await pause(stop, self._jittered(delay))
                    delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
                # Checked last: what was read before the stop is tried once.
                if stop.is_set():
                    break

    async def _attempt(self, work: Work, entries: Sequence[Entry], stop: asyncio.Event) -> _Outcome:
        """Goes on until all of the entries are done and acknowledged, or failed for a reason of their own,
        or were too much for the store several times."""
        delay, overloaded = _FIRST_DELAY_SECONDS, 0
        while True:
            try:
                await self._settle(work, entries)
                self._overload.forget(entries)
                return _Outcome.DONE
            except NotYetError as error:
                if len(entries) > 1:
                    return _Outcome.FAILED
                metrics.WAITING.labels(self._group.name).inc()
                self._waiting.note(reason=str(error))
                return _Outcome.NOT_YET
            except Exception as error:
                failure = self._failure(error)
                if failure is StoreFailure.OVERLOADED:
                    overloaded += 1
                    if overloaded == _OVERLOADED_TRIES:
                        if not self._is_own_fault(entries):
                            return _Outcome.OVERLOADED
                        failure = None
                if failure is None:
                    # Of a chunk, each entry will be tried alone.
                    if len(entries) == 1:
                        self._report(entries[0], error)
                    return _Outcome.FAILED
                metrics.RETRIES.labels(self._group.name, failure.value).inc()
                # Without the message, which may quote a row, and with it a person.
                log.warning("a chunk is tried again", error=type(error).__name__)
            if stop.is_set():
                return _Outcome.STOPPED
            await pause(stop, self._jittered(delay))
            delay = min(delay * 2, _LONGEST_DELAY_SECONDS)

    def _jittered(self, seconds: float) -> float:
        return seconds * (0.5 + self._jitter() / 2)

    def _is_own_fault(self, entries: Sequence[Entry]) -> bool:
        if len(entries) == 1:
            return self._overload.is_own_fault(entries[0])
        self._overload.note_failure(entries)
        return False

    def _failure(self, error: Exception) -> StoreFailure | None:
        return (
            StoreFailure.UNAVAILABLE
            if isinstance(error, REDIS_DOWN)
            else self._handling.failure_of(error)
        )

    async def _settle(self, work: Work, entries: Sequence[Entry]) -> None:
        try:
            await work(entries)
        except UnreadableError as error:
            if len(entries) > 1:
                raise
            self._report(entries[0], error)
            await self._quarantine.add(entries[0])
        else:
            await self._group.acknowledge(entries)

    def _report(self, entry: Entry, error: Exception) -> None:
        metrics.FAILURES.labels(self._group.name).inc()
        log.error(
            "an entry cannot be handled",
            stream=entry.stream.decode(),
            entry=entry.entry_id.decode(),
            error=type(error).__name__,
            # Other messages may quote the event.
            reason=str(error) if isinstance(error, EntryError) else "",
            exc_info=not isinstance(error, EntryError),
        )

    @contextlib.contextmanager
    def _holding(self, entries: Sequence[Entry]) -> Iterator[None]:
        keys = {entry.key for entry in entries}
        self._in_flight |= keys
        try:
            yield
        finally:
            self._in_flight -= keys


def create_consumer(
    redis: RedisClient,
    settings: StreamReaderSettings,
    *,
    group: str,
    streams: Sequence[str],
    handling: EntryHandling,
) -> Consumer:
    """A Consumer for this process, with the limits that all readers have in common."""
    return Consumer(
        ConsumerGroup(redis, streams, group, process_name(), settings.claim_idle_seconds),
        Quarantine(
            redis,
            group,
            max_attempts=settings.max_attempts,
            max_entries=settings.max_quarantined_entries,
        ),
        handling,
    )

"""The changes of consent of an app, in the order in which they were committed, for watchers."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from libs.common.errors import ChangesForgotten, LimitExceeded, Unavailable
from libs.runtime.loops import repeat
from services.privacy import metrics
from services.privacy.consent.model import HistoryEntry

# Recordings that are read at once, and that one message has at most: all that a watcher that does not read
# holds in memory.
PAGE_RECORDINGS = 200
# Of so many rounds without watchers, one asks the store: it took a third of the CPU of an idle service.
IDLE_ROUNDS = 20


class Change(NamedTuple):
    """One recording: its number among those of the app, from 1 on without a gap, and its entries."""

    number: int
    subject_id: str
    entries: Sequence[HistoryEntry]


@dataclass(frozen=True, slots=True)
class Kept:
    """Which changes of an app there are: those after `forgotten_through`, up to `last`."""

    forgotten_through: int = 0
    last: int = 0


class ChangeStore(Protocol):
    """The changes as they are committed. Every method raises Unavailable if it cannot be reached."""

    async def kept(self, app_id: str) -> Kept:
        """Which changes of an app there are now."""
        ...

    async def newest(self) -> dict[str, int]:
        """Numbers the changes that were committed since; the number of the last one of each app."""
        ...

    async def changes(self, app_id: str, after: int, through: int) -> Sequence[Change]:
        """The changes with these numbers, in their order; erased ones are missing."""
        ...


class ConsentChanges:
    """Hands committed changes to watchers, who each read from the store as fast as their caller does; there
    is no buffer between them. One loop numbers new ones, for all apps at once."""

    def __init__(self, store: ChangeStore, *, poll_seconds: float, max_watchers: int) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._max_watchers = max_watchers
        self._watchers: dict[asyncio.Event, str] = {}
        self._newest: dict[str, int] = {}
        self._idle_rounds = 0
        self._draining = asyncio.Event()

    async def watch(
        self, app_id: str, after: int | None, *, from_beginning: bool
    ) -> AsyncGenerator[tuple[Sequence[Change], int]]:
        """Yields changes with the number of the last one: first none, with the number to go on after,
        then those after `after`, and new ones as they are committed, without end. `after` None: only new
        ones, or with `from_beginning` all that are kept.

        Raises ChangesForgotten, LimitExceeded, Unavailable (Postgres is away, or the service drains).
        """
        if len(self._watchers) >= self._max_watchers:
            raise LimitExceeded(
                f"{len(self._watchers)} watchers are there already",
                limit="max_watchers",
                value=self._max_watchers,
                retry_after_seconds=5.0,
            )
        changed = asyncio.Event()
        self._watchers[changed] = app_id
        metrics.WATCHERS.set(len(self._watchers))
        try:
            if after is None and not from_beginning:
                # What was recorded before the call gets its number now.
                await self._store.newest()
            kept = await self._store.kept(app_id)
            if after is None:
                after = kept.forgotten_through if from_beginning else kept.last
            yield (), _checked(after, kept)
            while True:
                while _checked(after, kept) < kept.last:
                    through = min(after + PAGE_RECORDINGS, kept.last)
                    found = await self._store.changes(app_id, after, through)
                    after = through
                    yield found, after
                await changed.wait()
                changed.clear()
                if self._draining.is_set():
                    raise Unavailable(
                        "the service is draining; open a new stream",
                        reason="DRAINING",
                        retry_after_seconds=1.0,
                    )
                kept = await self._store.kept(app_id)
        finally:
            del self._watchers[changed]
            metrics.WATCHERS.set(len(self._watchers))

    def drain(self) -> None:
        """Ends all streams."""
        self._draining.set()
        for changed in self._watchers:
            changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Numbers changes, and wakes the watchers of their apps, until `stop` is set."""
        await repeat(
            self.step,
            self._poll_seconds,
            stop,
            transient=(Unavailable,),
            warning="changes of consent cannot be numbered",
        )

    async def step(self) -> None:
        """One round. A watcher that comes meanwhile has what is committed numbered itself."""
        self._idle_rounds = 0 if self._watchers else self._idle_rounds + 1
        if self._idle_rounds % IDLE_ROUNDS:
            return
        newest = await self._store.newest()
        for changed, app_id in self._watchers.items():
            if newest.get(app_id) != self._newest.get(app_id):
                changed.set()
        self._newest = newest


def _checked(after: int, kept: Kept) -> int:
    """The number. Raises ChangesForgotten unless the next change is there, or will be: numbers beyond the
    last one are of a Postgres that was restored from a backup since."""
    if not kept.forgotten_through <= after <= kept.last:
        raise ChangesForgotten()
    return after

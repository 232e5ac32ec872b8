"""Watches whether stores answer, so that health can say so."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass

import structlog

from libs.stores import metrics

log = structlog.get_logger()

# One answer that is late, on a busy machine for example, is no outage.
_FAILURES_UNTIL_AWAY = 2
# A store is not asked again while it owes an answer; after this time the question is given up.
_GIVE_UP_SECONDS = 10.0


@dataclass(frozen=True)
class Store:
    """A store by name; `ask` returns when it has answered, and raises if it cannot."""

    name: str
    ask: Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Needs:
    """The stores that something needs: each of `all_of`, and at least one of `any_of` if it names any."""

    all_of: frozenset[str] = frozenset()
    any_of: frozenset[str] = frozenset()

    def are_met(self, away: Set[str]) -> bool:
        """Whether enough stores answer while those are away."""
        return not self.all_of & away and (not self.any_of or bool(self.any_of - away))


def all_of(*stores: str) -> Needs:
    """Each of these stores."""
    return Needs(all_of=frozenset(stores))


def any_of(*stores: str) -> Needs:
    """At least one of these stores."""
    return Needs(any_of=frozenset(stores))


class StoreWatch:
    """Asks every store every `seconds`, which is also how long it may take to answer, and reports which
    are away: at the start, and whenever that changes.

    A store is away after two questions in a row without an answer, and back with the next answer. At the
    start one question decides.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        seconds: float,
        report: Callable[[Set[str]], Awaitable[None]],
    ) -> None:
        self._stores = stores
        self._seconds = seconds
        self._report = report
        self._failures = {store.name: _FAILURES_UNTIL_AWAY - 1 for store in stores}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._away: Set[str] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns after the first report; goes on in the background until `stop`."""
        await self.look()
        if self._stores:
            self._watching = asyncio.create_task(self._watch(), name="store watch")

    async def stop(self) -> None:
        """Ends it; nothing is reported afterwards."""
        for task in (self._watching, *self._asking.values()):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task

    async def look(self) -> None:
        """Asks all stores once."""
        answers = await asyncio.gather(*map(self._answers, self._stores))
        for store, answered in zip(self._stores, answers, strict=True):
            self._failures[store.name] = 0 if answered else self._failures[store.name] + 1
        away = {name for name, count in self._failures.items() if count >= _FAILURES_UNTIL_AWAY}
        if away == self._away:
            return
        for store in self._stores:
            metrics.STORE_ANSWERS.labels(store.name).set(store.name not in away)
        for name in sorted(away - (self._away or set())):
            log.warning("a store does not answer", store=name)
        for name in sorted((self._away or set()) - away):
            log.info("a store answers again", store=name)
        self._away = away
        await self._report(away)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.look()

    async def _answers(self, store: Store) -> bool:
        asking = self._asking.get(store.name)
        if asking is None:
            asking = asyncio.create_task(_ask(store), name=f"ask {store.name}")
            self._asking[store.name] = asking
        done, _ = await asyncio.wait({asking}, timeout=self._seconds)
        if not done:
            # Left to itself: to cancel a question can take longer than the answer.
            return False
        del self._asking[store.name]
        return not asking.cancelled() and asking.exception() is None


async def _ask(store: Store) -> None:
    async with asyncio.timeout(_GIVE_UP_SECONDS):
        await store.ask()

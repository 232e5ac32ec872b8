"""Who watches: no more callers than the limits allow, each with a place in the changes of its app."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from libs.common.errors import LimitExceeded
from services.aggregate import metrics

# Watchers leave when dashboards are closed: soon enough to try again, and not all the time.
_RETRY_AFTER_SECONDS = 5.0


class Watcher:
    """One WatchRollups or WatchGauges call, and the names of its rollups or gauges. `place` is how far it has
    come in the changes of its app."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.place = 0
        # Set when there is something to send.
        self.changed = asyncio.Event()
        # True when changes may have been missed: the current buckets have to be read (again).
        self.stale = True

    def restart(self) -> None:
        """Makes the watcher read the current buckets again."""
        self.stale = True
        self.changed.set()


class Watchers:
    """The open calls by app, at most `limit` in this process and `limit_per_app` of one app."""

    def __init__(self, *, limit: int, limit_per_app: int) -> None:
        self._limit = limit
        self._limit_per_app = limit_per_app
        self._by_app: dict[str, set[Watcher]] = {}

    @contextmanager
    def hold(self, app_id: str, names: frozenset[str]) -> Iterator[Watcher]:
        """A watcher that is counted inside the block. Raises LimitExceeded at a limit."""
        self._check("max_watchers", len(self.all()), self._limit)
        self._check("max_watchers_per_app", len(self.of(app_id)), self._limit_per_app)
        watcher = Watcher(names)
        self._by_app.setdefault(app_id, set()).add(watcher)
        metrics.WATCHERS.inc()
        try:
            yield watcher
        finally:
            metrics.WATCHERS.dec()
            self._by_app[app_id].discard(watcher)
            if not self._by_app[app_id]:
                del self._by_app[app_id]

    def of(self, app_id: str) -> Collection[Watcher]:
        """The watchers of an app."""
        return self._by_app.get(app_id, ())

    def all(self) -> list[Watcher]:
        """The watchers of all apps."""
        return [watcher for watchers in self._by_app.values() for watcher in watchers]

    def _check(self, name: str, count: int, limit: int) -> None:
        if count >= limit:
            metrics.REFUSED_WATCHERS.labels(name).inc()
            raise LimitExceeded(
                f"{count} watchers are there already; the limit is {name}",
                limit=name,
                value=limit,
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )

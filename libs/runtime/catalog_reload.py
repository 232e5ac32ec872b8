"""Keeps a service's catalogs equal to the files of their folder, without a restart."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from libs.catalog import (
    CatalogError,
    Catalogs,
    Snapshot,
    folder_marks,
    load_snapshot,
)
from libs.common.clock import Clock, SystemClock
from libs.common.errors import ConfigurationError
from libs.runtime import metrics
from libs.runtime.settings import CommonSettings
from libs.runtime.workers.shared_metrics import metrics_are_shared

log = structlog.get_logger()
# Tries to read files that are being changed; then the next look tries again.
_READS = 5
_READ_PAUSE_SECONDS = 0.05


class CatalogReload:
    """Loads a folder of catalogs into a holder: when it is made, on `request`, and when the folder's files
    change, which it looks for every `poll_seconds` (0: never).

    Changed files are read when two looks in a row found them the same, so that a file that is still being
    written is not read. What was read takes effect only as a whole: if one file is broken, or was changed
    while it was read, the snapshot in use stays. Reading and compiling run in a thread.
    """

    def __init__(
        self,
        folder: Path,
        poll_seconds: float,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises CatalogError when the folder's catalogs cannot be used."""
        self._folder = folder
        self._poll_seconds = poll_seconds
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._requested = asyncio.Event()
        self._lock = asyncio.Lock()
        # Of the files that were read last, whether they were taken or refused.
        self._marks = folder_marks(folder)
        self.catalogs = Catalogs(load_snapshot(folder, loaded_at_us=self._clock.now_us()))
        if folder_marks(folder) != self._marks:
            self._marks = ()
        _measure(self.catalogs.current, None)

    def request(self) -> None:
        """Has the folder read soon, whether or not its files seem to have changed. For a signal handler."""
        self._requested.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keeps the catalogs until `stop` is set."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                requested = asyncio.create_task(self._requested.wait())
                await asyncio.wait(
                    {stopped, requested},
                    timeout=self._poll_seconds or None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                requested.cancel()
                if stop.is_set():
                    return
                if self._requested.is_set():
                    self._requested.clear()
                    await self._read()
                else:
                    await self.refresh()
        finally:
            stopped.cancel()

    async def refresh(self) -> bool:
        """Looks at the folder now, and reads it if its files have changed and stay as they are for
        `poll_seconds`. Whether there is a new snapshot since the call began."""
        before = self.catalogs.current
        async with self._lock:
            if not self._poll_seconds or self.catalogs.current is not before:
                return self.catalogs.current is not before
            marks = await asyncio.to_thread(folder_marks, self._folder)
            if marks == self._marks:
                return False
            await self._sleep(self._poll_seconds)
            if marks == await asyncio.to_thread(folder_marks, self._folder):
                await self._read_settled()
        return self.catalogs.current is not before

    async def _read(self) -> None:
        async with self._lock:
            await self._read_settled()

    async def _read_settled(self) -> None:
        """Reads the folder; takes the result if no file was changed meanwhile."""
        for _ in range(_READS):
            marks = await asyncio.to_thread(folder_marks, self._folder)
            found = await asyncio.to_thread(self._load)
            if marks == await asyncio.to_thread(folder_marks, self._folder):
                self._marks = marks
                self._take(found)
                return
            await self._sleep(_READ_PAUSE_SECONDS)

    def _load(self) -> Snapshot | Exception:
        try:
            return load_snapshot(
                self._folder,
                loaded_at_us=self._clock.now_us(),
                previous=self.catalogs.current,
            )
        except Exception as error:
            return error

    def _take(self, found: Snapshot | Exception) -> None:
        before = self.catalogs.current
        if isinstance(found, Exception):
            _report_refused(found, before)
            return
        metrics.CATALOG_BROKEN.set(0)
        if found.version == before.version:
            log.info("the catalogs are the same as before", version=found.version)
            return
        self.catalogs.replace(found)
        _measure(found, before)
        log.info(
            "new catalogs", version=found.version, before=before.version, **_changes(before, found)
        )


def open_catalogs(settings: CommonSettings) -> CatalogReload:
    """The catalogs that the settings name, kept up to date by the loop `run`. Raises ConfigurationError,
    with every problem, when they cannot be used."""
    try:
        return CatalogReload(settings.catalogs, settings.catalog_poll_seconds)
    except CatalogError as error:
        raise ConfigurationError(f"the catalogs cannot be used:\n{error}") from None


def _report_refused(error: Exception, before: Snapshot) -> None:
    metrics.CATALOG_BROKEN.set(1)
    metrics.CATALOG_FAILURES.inc()
    if isinstance(error, CatalogError):
        for problem in error.problems:
            log.error(
                "a catalog is broken", file=problem.file, line=problem.line, reason=problem.reason
            )
    else:
        log.error("the catalogs cannot be loaded", exc_info=error)
    log.error(
        "the changed catalogs are refused; those from before stay in use", version=before.version
    )


def _changes(before: Snapshot, after: Snapshot) -> Mapping[str, list[str]]:
    """The apps that are new, changed and gone."""
    old, new = before.entries, after.entries
    return {
        "added": [app_id for app_id in new if app_id not in old],
        "changed": [app_id for app_id in new if app_id in old and new[app_id] is not old[app_id]],
        "removed": [app_id for app_id in old if app_id not in new],
    }


def _measure(snapshot: Snapshot, before: Snapshot | None) -> None:
    metrics.CATALOG_INFO.labels(snapshot.version).set(1)
    if before is not None:
        if metrics_are_shared():
            # Files keep the label; the page leaves out what is 0.
            metrics.CATALOG_INFO.labels(before.version).set(0)
        else:
            metrics.CATALOG_INFO.remove(before.version)
    metrics.CATALOG_APPS.set(len(snapshot.catalogs))
    metrics.CATALOG_LOADED.set(snapshot.loaded_at_us / 1e6)

"""The background loop that keeps the mirror."""

import asyncio
import contextlib

import structlog

from libs.common.errors import Unavailable
from libs.runtime.loops import repeat
from services.privacy import metrics
from services.privacy.consent.mirror_sync import MirrorSync

log = structlog.get_logger()


class MirrorLoop:
    """Runs the sync every `poll_seconds`."""

    def __init__(self, sync: MirrorSync, poll_seconds: float) -> None:
        self._sync = sync
        self._poll_seconds = poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set. A fill under way is cancelled: the next process begins with one."""
        work = asyncio.create_task(
            repeat(
                self._work,
                self._poll_seconds,
                stop,
                transient=(Unavailable,),
                warning="the consent mirror cannot be kept now",
            ),
            name="consent mirror",
        )
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    async def _work(self) -> None:
        fills = self._sync.fills
        try:
            await self._sync.sync()
        finally:
            # Of the apps before the one that failed, too.
            if filled := self._sync.fills - fills:
                metrics.MIRROR_FILLS.inc(filled)
                log.info("filled the consent mirror", apps=filled)

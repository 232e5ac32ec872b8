"""The background loop that keeps the mirror."""

import asyncio

from libs.common.errors import Unavailable
from libs.runtime.loops import repeat, until_stopped
from services.privacy.consent.mirror_sync import MirrorSync


class MirrorLoop:
    """Runs the sync every `poll_seconds`."""

    def __init__(self, sync: MirrorSync, poll_seconds: float) -> None:
        self._sync = sync
        self._poll_seconds = poll_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set. A fill under way is cancelled: the next process begins with one."""
        work = repeat(
            self._sync.sync,
            self._poll_seconds,
            stop,
            transient=(Unavailable,),
            warning="the consent mirror cannot be kept now",
        )
        await until_stopped(work, stop)

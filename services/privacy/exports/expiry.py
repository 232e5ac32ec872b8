"""Files of exports that have expired: the loop that removes them, and what of them is past its limit."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit
from libs.runtime.loops import repeat
from services.privacy.exports.files import STORE, ExportFiles
from services.privacy.exports.work import ExportWork

INTERVAL_SECONDS = 60.0
# As long as removing them may take.
_LATE = timedelta(minutes=10)


class ExportExpiry:
    """Removes them once a minute; `transient` are the errors after which it is tried again."""

    def __init__(
        self,
        work: ExportWork,
        files: ExportFiles,
        days: int,
        clock: Clock,
        transient: tuple[type[Exception], ...],
    ) -> None:
        self._work = work
        self._files = files
        self._days = days
        self._clock = clock
        self._transient = transient

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set."""
        await repeat(
            self._work.expire,
            INTERVAL_SECONDS,
            stop,
            transient=self._transient,
            warning="files of exports cannot be removed now",
        )

    async def list_overdue(self) -> Sequence[OverdueData]:
        """Files that should be gone; changes nothing. Raises what the files raise."""
        return await self._files.overdue(moment_of(self._clock.now_us()) - _LATE)

    def list_limits(self) -> Sequence[RetentionLimit]:
        """How long they are kept; no job removes them."""
        return [RetentionLimit(STORE, self._days, "WEIR_PRIVACY_EXPORTS_KEPT_DAYS", "")]

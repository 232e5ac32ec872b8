"""Log lines for what callers can cause at will: few, however often it happens."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()
INTERVAL_SECONDS = 60.0


class SparseWarning:
    """One kind of warning, written at once and then at most once in `INTERVAL_SECONDS`; each line says in
    `since_last_line` how many times it happened since the line before, itself included."""

    def __init__(self, event: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._event = event
        self._monotonic = monotonic
        self._quiet_until = float("-inf")
        self._count = 0

    def note(self, **fields: str) -> None:
        """It happened once more."""
        self._count += 1
        now = self._monotonic()
        if now >= self._quiet_until:
            log.warning(self._event, since_last_line=self._count, **fields)
            self._quiet_until, self._count = now + INTERVAL_SECONDS, 0

"""Gives memory that the process has freed back to the system."""

import asyncio
import ctypes
from collections.abc import Callable

from libs.runtime.loops import Loop, pause

# Often enough that what a burst left is gone a moment after it; a round costs a millisecond or two under
# load, and a tenth of one without.
_SECONDS = 1.0


def freed_memory_loop(trim: Callable[[int], object] | None) -> list[Loop]:
    """The loop that calls `trim` all the time; none without it."""
    if trim is None:
        return []

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            trim(0)
            await pause(stop, _SECONDS)

    return [Loop("freed memory", run)]


def system_trim() -> Callable[[int], object] | None:
    """glibc's `malloc_trim`, which returns the pages that are free inside its heap as well: by itself it
    returns only those at the end, so that one small object keeps all below it. None on other systems."""
    trim: Callable[[int], object] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim

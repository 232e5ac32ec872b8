"""Runs that end when every event that was kept is stored and counted, and what they cost."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.bench.processes import Processes, cpu_us_per_event
from tests.bench.stored_counts import StoredCounts

_TIMEOUT_SECONDS = 120.0
# What follows the last count: publishing it, acknowledging it, trimming the streams.
SETTLING_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class CountedRun:
    """How many events were kept, how long it took until all were counted, and the CPU microseconds of each
    event by process, with half a second that follows."""

    events: int
    seconds: float
    cpu_us: Mapping[str, float]


async def run_until_counted(
    send: Callable[[], Awaitable[int]], stored: StoredCounts, processes: Processes
) -> CountedRun:
    """`send` returns how many events were kept, once all are acknowledged. Raises WrongCountsError."""
    # What is sent is there until the run ends: no need for the collector to walk past it.
    gc.collect()
    gc.freeze()
    counts, before = stored.counts(), processes.cpu_seconds()
    start = time.perf_counter()
    kept = await send()
    end = await stored.wait_until_counted(counts.counted + kept, timeout_seconds=_TIMEOUT_SECONDS)
    await asyncio.sleep(SETTLING_SECONDS)
    after = processes.cpu_seconds()
    stored.check(counts, kept)
    gc.unfreeze()
    return CountedRun(kept, end - start, cpu_us_per_event(before, after, kept))

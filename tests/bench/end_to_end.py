"""Events per second from the producer's stream until each one is stored and counted."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.bench.counted_runs import run_until_counted
from tests.bench.figures import Figure, pair_ratios
from tests.bench.load import Sent, send
from tests.bench.processes import Processes
from tests.bench.raw_copy import RawCopy
from tests.bench.stored_counts import StoredCounts
from tests.bench.traffic import Frames, Traffic

FRAME_EVENTS = 500
_US = 1_000_000
# An event must not lie in the future while it is sent, nor all of them at the same moment.
SPAN_US = 22 * 3_600 * _US
PARTITIONS_SECONDS = 120.0


@dataclass
class EndToEnd:
    """What the runs gave; each list has one entry for each run."""

    events_per_second: list[float] = field(default_factory=list)
    raw_rows_per_second: list[float] = field(default_factory=list)
    cpu_us: list[dict[str, float]] = field(default_factory=list)
    peak_mb: list[dict[str, float]] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    # People in the smallest run.
    subjects: int = 0

    @property
    def ratio(self) -> Figure:
        """End to end over raw COPY, by pair."""
        return Figure.of(pair_ratios(self.events_per_second, self.raw_rows_per_second))


class EndToEndBench:
    """Sends, waits, copies; over and over with new events."""

    def __init__(
        self,
        address: str,
        token: str,
        traffic: Traffic,
        stored: StoredCounts,
        raw_copy: RawCopy,
        processes: Processes,
    ) -> None:
        self._address = address
        self._token = token
        self._traffic = traffic
        self._stored = stored
        self._raw_copy = raw_copy
        self._processes = processes

    async def warm_up(self, frames: int) -> None:
        """Fills caches and connection pools, and lets enrich make its partitions; measures nothing."""
        await self._run(self._frames(frames), EndToEnd())
        await self._stored.wait_for_partitions(timeout_seconds=PARTITIONS_SECONDS)

    async def measure(self, runs: int, frames: int) -> EndToEnd:
        """Each run of about `frames` frames is followed by a copy of what it has stored."""
        results = EndToEnd()
        for _ in range(runs):
            since = self._raw_copy.moment()
            kept = await self._run(self._frames(frames), results)
            results.raw_rows_per_second.append(self._raw_copy.rows_per_second(since, kept))
        return results

    def _frames(self, count: int) -> list[Frames]:
        now_us = time.time_ns() // 1_000
        return self._traffic.frames(count, FRAME_EVENTS, now_us - SPAN_US, now_us)

    async def _run(self, streams: list[Frames], results: EndToEnd) -> int:
        """One run; returns how many events it has stored. Raises WrongCountsError."""
        sent: list[Sent] = []

        async def send_all() -> int:
            sent.extend(
                await asyncio.gather(
                    *(send(self._address, self._token, frames) for frames in streams)
                )
            )
            return sum(stream.stored for stream in sent)

        self._processes.forget_peaks()
        run = await run_until_counted(send_all, self._stored, self._processes)
        results.events_per_second.append(run.events / run.seconds)
        results.cpu_us.append(dict(run.cpu_us))
        results.peak_mb.append(self._processes.peak_mb())
        for stream in sent:
            results.verdicts.update(stream.verdicts)
        people = sum(len(frames.subjects) for frames in streams)
        results.subjects = min(results.subjects or people, people)
        return run.events

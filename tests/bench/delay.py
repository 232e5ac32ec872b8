"""Delay from send to stored and to live counter, at a paced load."""

import asyncio
import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from libs.common.pseudonym import Pseudonymizer
from tests.bench.figures import percentile
from tests.bench.load import WrongCountsError, send
from tests.bench.sightings import LiveSightings, StoredSightings
from tests.bench.stored_counts import StoredCounts
from tests.bench.traffic import Frames, Traffic

# Smaller than the frames that the maximum was found with, as producers that do not wait send them.
# Each frame costs something of its own, so much smaller ones would be more than half the load.
FRAME_EVENTS = 100
_US = 1_000_000
# What is not seen this long after the last frame was sent is lost.
_TIMEOUT_SECONDS = 30.0
_LEAD_SECONDS = 0.25


@dataclass
class Delays:
    """Milliseconds; each list has one entry for each run."""

    offered_per_second: list[float] = field(default_factory=list)
    stored_p50_ms: list[float] = field(default_factory=list)
    stored_p99_ms: list[float] = field(default_factory=list)
    live_p50_ms: list[float] = field(default_factory=list)
    live_p99_ms: list[float] = field(default_factory=list)


class DelayBench:
    """Sends small frames by the clock and watches when each can be read.

    A frame's delay begins when it was due, not when it left: a pipeline that pushes back does not
    get the time for nothing. One sample for each frame; all frames have the same size.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        token: str,
        database_url: str,
        traffic: Traffic,
        pseudonymizer: Pseudonymizer,
    ) -> None:
        """`pseudonymizer` is that of the services."""
        self._addresses = addresses
        self._token = token
        self._database_url = database_url
        self._traffic = traffic
        self._pseudonymizer = pseudonymizer

    async def measure(
        self, totals: StoredCounts, *, runs: int, seconds: float, events_per_second: float
    ) -> Delays:
        """Each run offers `events_per_second` for `seconds`. Raises WrongCountsError."""
        results = Delays()
        for number in range(runs):
            before = totals.counts()
            streams = self.frames(f"marker-{number}-{time.time_ns()}", seconds, events_per_second)
            stored, live, kept = await self.run(streams, seconds)
            totals.check(before, kept)
            offered = sum(frames.events for frames in streams) / seconds
            results.offered_per_second.append(offered)
            results.stored_p50_ms.append(percentile(stored, 50) * 1e3)
            results.stored_p99_ms.append(percentile(stored, 99) * 1e3)
            results.live_p50_ms.append(percentile(live, 50) * 1e3)
            results.live_p99_ms.append(percentile(live, 99) * 1e3)
        return results

    def frames(self, marker: str, seconds: float, events_per_second: float) -> list[Frames]:
        """Frames for one run, of all apps; the marker must be one that no other run has."""
        start_us = time.time_ns() // 1_000
        return [
            app.frames(
                max(2, round(events_per_second * app.product.share * seconds / FRAME_EVENTS)),
                FRAME_EVENTS,
                start_us,
                start_us + int(seconds * _US),
                marker=marker,
            )
            for app in self._traffic.apps.values()
        ]

    async def run(
        self, streams: Sequence[Frames], seconds: float
    ) -> tuple[list[float], list[float], int]:
        """Delays to stored and to live of all frames, and how many events were kept."""
        gc.collect()
        gc.freeze()
        async with (
            await psycopg.AsyncConnection.connect(
                self._database_url, autocommit=True
            ) as connection,
            LiveSightings(
                self._addresses["aggregate"], self._token, [frames.app_id for frames in streams]
            ) as live,
        ):
            stored = StoredSightings(connection, streams, self._pseudonymizer)
            start = time.perf_counter() + _LEAD_SECONDS
            due = {
                frames.app_id: [
                    start + number * seconds / len(frames.messages)
                    for number in range(len(frames.messages))
                ]
                for frames in streams
            }
            watching = asyncio.create_task(stored.run(start + seconds + _TIMEOUT_SECONDS))
            sent = await asyncio.gather(
                *(
                    send(self._addresses["ingest"], self._token, frames, due=due[frames.app_id])
                    for frames in streams
                )
            )
            stored_at = await watching
            totals = {stream.app_id: stream.stored for stream in sent}
            await live.wait_for(totals, _TIMEOUT_SECONDS)
            live_at = {stream.app_id: live.reached(stream.app_id, stream.kept) for stream in sent}
        gc.unfreeze()
        return (
            _delays(due, stored_at),
            _delays(due, live_at),
            sum(totals.values()),
        )


def _delays(due: Mapping[str, Sequence[float]], seen: Mapping[str, Sequence[float]]) -> list[float]:
    delays = [
        at - expected
        for app_id, moments in due.items()
        for expected, at in zip(moments, seen[app_id], strict=True)
    ]
    if min(delays) < 0:
        raise WrongCountsError("a frame was seen before it was sent")
    return delays

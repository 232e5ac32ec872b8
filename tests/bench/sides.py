"""The two services that are compared, and the bare echo: the same events through each, until all are in."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import psycopg
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.rpc.channels import bearer
from suite.embedded import PostgresServer
from suite.supervisor import Suite
from tests.bench.by_hand.client import post_all, request_of
from tests.bench.by_hand.server import BY_HAND, ByHandServer, make_database
from tests.bench.by_hand.table import STORED
from tests.bench.calls import call_all
from tests.bench.counted_runs import SETTLING_SECONDS, run_until_counted
from tests.bench.echo import METHOD as ECHO
from tests.bench.load import WrongCountsError, open_channel, send
from tests.bench.one_kind import OneKind
from tests.bench.processes import CLIENT, Processes, cpu_us_per_event
from tests.bench.stored_counts import StoredCounts

_TRACK = "/weir.ingest.v1.IngestService/TrackEvent"
ACCEPTED = pb.TrackEventResponse(verdict=pb.VERDICT_ACCEPTED).SerializeToString()


@dataclass(frozen=True, slots=True)
class Case:
    """How events are sent: so many a call, by so many callers.

    A caller is a TrackEvent call in flight or an HTTP connection. More than one event a call goes to Weir in
    frames of one stream, whatever the callers are.
    """

    name: str
    events: int
    callers: int


_WARM_UP, _WARM_UP_CALLS = Case("warm-up", 500, 1), 12
_PARTITIONS_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one case gave."""

    events: int
    seconds: float
    # CPU microseconds an event, by process.
    cpu_us: Mapping[str, float]
    # Seconds of each TrackEvent call; empty for everything else.
    latencies: Sequence[float] = ()

    @property
    def per_second(self) -> float:
        """Events a second, until all were there."""
        return self.events / self.seconds


class Side(Protocol):
    """One of the services that are compared."""

    async def run(self, case: Case, calls: int) -> Run:
        """Sends so many calls of new events; returns when all are in Postgres. Raises WrongCountsError."""
        ...


class WeirSide:
    """Weir; a run ends when everything is stored and counted."""

    def __init__(
        self, address: str, token: str, events: OneKind, stored: StoredCounts, processes: Processes
    ) -> None:
        self._address = address
        self._token = token
        self._events = events
        self._stored = stored
        self._processes = processes
        # In all runs so far.
        self.sent = 0

    async def warm_up(self) -> None:
        """Fills caches and connection pools, and lets enrich make its partitions; measures nothing."""
        await self.run(_WARM_UP, _WARM_UP_CALLS)
        await self._stored.wait_for_partitions(timeout_seconds=_PARTITIONS_SECONDS)

    async def run(self, case: Case, calls: int) -> Run:
        """See `Side`."""
        if case.events == 1:
            return await self._run_single(case, calls)
        frames = self._events.frames(calls, case.events)

        async def stream() -> int:
            return (await send(self._address, self._token, frames)).stored

        return await self._run(stream, frames.events)

    async def _run_single(self, case: Case, calls: int) -> Run:
        requests = self._events.calls(calls)
        latencies: list[float] = []

        async def track() -> int:
            # An overloaded server's UNAVAILABLE costs a caller time, as it does with the SDK.
            async with open_channel(self._address, retry=True) as channel:
                answers, seconds = await call_all(
                    channel.unary_unary(_TRACK), bearer(self._token), requests, case.callers
                )
            latencies.extend(seconds)
            return answers.count(ACCEPTED)

        run = await self._run(track, calls)
        return replace(run, latencies=latencies)

    async def _run(self, send_all: Callable[[], Awaitable[int]], events: int) -> Run:
        run = await run_until_counted(send_all, self._stored, self._processes)
        if run.events != events:
            raise WrongCountsError(f"{run.events} of {events} events were accepted")
        self.sent += events
        return Run(events, run.seconds, run.cpu_us)


class ByHandSide:
    """The hand-written service; it answers after its commit, so a run ends with the last answer."""

    def __init__(
        self,
        port: int,
        path: str,
        events: OneKind,
        connection: psycopg.Connection,
        processes: Processes,
    ) -> None:
        self._port = port
        self._path = path
        self._events = events
        self._connection = connection
        self._processes = processes

    async def run(self, case: Case, calls: int) -> Run:
        """See `Side`."""
        bodies = self._events.bodies(calls, case.events)
        requests = [request_of(self._path, body) for body in bodies]
        events = calls * case.events
        gc.collect()
        gc.freeze()
        stored, before = self._stored(), self._processes.cpu_seconds()
        start = time.perf_counter()
        # In a thread, because its event loop is another one.
        await asyncio.to_thread(post_all, self._port, requests, case.callers)
        seconds = time.perf_counter() - start
        await asyncio.sleep(SETTLING_SECONDS)
        cpu_us = cpu_us_per_event(before, self._processes.cpu_seconds(), events)
        came = self._stored() - stored
        gc.unfreeze()
        if came != events:
            raise WrongCountsError(f"{events} events were posted and {came} are stored")
        return Run(events, seconds, {name: cpu_us[name] for name in (BY_HAND, "postgres", CLIENT)})

    def _stored(self) -> int:
        row = self._connection.execute(STORED).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def by_hand_sides(suite: Suite, events: OneKind) -> Iterator[dict[str, Side]]:
    """The running hand-written service: with `executemany`, which knows ids again, and with COPY, which does
    not. It has a database of its own on the suite's Postgres."""
    postgres = suite.part("postgres")
    assert isinstance(postgres, PostgresServer)
    url = make_database(postgres)
    server = ByHandServer(suite.home.path, url)
    server.start()
    try:
        processes = Processes(suite, {BY_HAND: server.pid})
        with psycopg.connect(url, autocommit=True) as connection:
            yield {
                name: ByHandSide(server.port, path, events, connection, processes)
                for name, path in (("by hand", "/events"), ("COPY", "/events/copy"))
            }
    finally:
        server.stop()


async def echo_latencies(
    url: str, token: str, requests: Sequence[bytes], callers: int
) -> list[float]:
    """Seconds of each call to the bare echo, which gets what TrackEvent gets."""
    async with open_channel(url) as channel:
        _, seconds = await call_all(channel.unary_unary(ECHO), bearer(token), requests, callers)
    return seconds

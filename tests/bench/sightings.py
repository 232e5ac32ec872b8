"""When what was sent can first be read: rows in the store, numbers of a WatchRollups stream."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from types import TracebackType
from typing import Any
from uuid import UUID

import grpc
import psycopg
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc
from weir.ingest.v1 import ingest_service_pb2 as ingest_pb

from libs.common.pseudonym import Pseudonymizer
from libs.rpc.channels import bearer
from tests.bench.load import WrongCountsError, open_channel
from tests.bench.traffic import Frames

# As often as WatchRollups speaks to a watcher. The pause and the query are part of the delay. Every 5 ms the
# query took a third of a core, and what was measured waited for it.
_POLL_SECONDS = 0.02
_ROLLUP = "events"
_METRIC = "events"
_PAGE = 10_000

# To plan it for all leaves takes longer than to run it.
PLAN_ONCE = "SET plan_cache_mode = force_generic_plan"
# By an index that the table has anyway: (app_id, person, occurred_at). A pseudonym is of one app.
VISIBLE = """
    SELECT app_id, occurred_at FROM enrich.events
    WHERE app_id = ANY(%(apps)s) AND person = ANY(%(markers)s)
      AND occurred_at >= %(oldest)s AND occurred_at <= %(newest)s
"""


class StoredSightings:
    """Sees a frame when its last event, which is about no person but the marker, can be selected."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        streams: Sequence[Frames],
        pseudonymizer: Pseudonymizer,
    ) -> None:
        self._connection = connection
        # Frame numbers by app and by the time of the frame's marker.
        self._numbers: dict[tuple[str, datetime], int] = {}
        self._seen: dict[str, list[float]] = {}
        self._markers: set[UUID] = set()
        for frames in streams:
            self._seen[frames.app_id] = [0.0] * len(frames.messages)
            for number, message in enumerate(frames.messages):
                last = ingest_pb.StreamEventsRequest.FromString(message).frame.events[-1]
                pseudonym = pseudonymizer.pseudonym(frames.app_id, last.subject_id)
                self._markers.add(UUID(pseudonym))
                moment = last.occurred_at.ToDatetime(tzinfo=UTC)
                self._numbers[frames.app_id, moment] = number
        self._newest = max(moment for _, moment in self._numbers)

    async def run(self, deadline: float) -> Mapping[str, Sequence[float]]:
        """Polls until every frame was seen; returns the moments (`time.perf_counter`), by app.

        Raises WrongCountsError after `deadline`.
        """
        await self._connection.execute(PLAN_ONCE)
        missing = dict(sorted(self._numbers.items(), key=lambda item: item[0][1]))
        while missing:
            # In the order of time, so the first is the oldest that has not been seen.
            (_, oldest), _ = next(iter(missing.items()))
            rows = await (
                await self._connection.execute(
                    VISIBLE,
                    {
                        "apps": list(self._seen),
                        "markers": list(self._markers),
                        "oldest": oldest,
                        "newest": self._newest,
                    },
                    prepare=True,
                )
            ).fetchall()
            now = time.perf_counter()
            for app_id, moment in rows:
                number = missing.pop((app_id, moment.astimezone(UTC)), None)
                if number is not None:
                    self._seen[app_id][number] = now
            if now > deadline:
                raise WrongCountsError(f"{len(missing)} frames were not stored in time")
            await asyncio.sleep(_POLL_SECONDS)
        return self._seen


class LiveSightings:
    """Watches each app's rollup `events` as a dashboard would, and keeps every total it is sent."""

    def __init__(self, address: str, token: str, apps: Sequence[str]) -> None:
        self._address = address
        self._token = token
        self._apps = apps
        # By app: how many events more than at the beginning, and since when, both growing.
        self._totals: dict[str, list[int]] = {app_id: [0] for app_id in apps}
        self._moments: dict[str, list[float]] = {app_id: [0.0] for app_id in apps}
        self._tasks: list[asyncio.Task[None]] = []
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> "LiveSightings":
        self._channel = open_channel(self._address)
        stub = pb_grpc.AggregateServiceStub(self._channel)
        for app_id in self._apps:
            cells = await self._all_cells(stub, app_id)
            watching = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._watch(stub, app_id, cells, watching)))
            await asyncio.wait_for(watching.wait(), 10)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()

    async def wait_for(self, totals: Mapping[str, int], timeout_seconds: float) -> None:
        """Returns when every app's total is reached. Raises WrongCountsError if one is not."""
        deadline = time.perf_counter() + timeout_seconds
        while any(self._totals[app_id][-1] < total for app_id, total in totals.items()):
            for task in self._tasks:
                if task.done():
                    task.result()
            if time.perf_counter() > deadline:
                break
            await asyncio.sleep(0.02)
        reached = {app_id: self._totals[app_id][-1] for app_id in totals}
        if reached != dict(totals):
            raise WrongCountsError(f"live counters say {reached} and not {dict(totals)}")

    def reached(self, app_id: str, kept: Sequence[int]) -> list[float]:
        """For each frame, when the total first included it: events of one stream are counted in
        their order."""
        totals, moments = self._totals[app_id], self._moments[app_id]
        return [moments[bisect_left(totals, target)] for target in accumulate(kept)]

    async def _watch(
        self,
        stub: pb_grpc.AggregateServiceStub,
        app_id: str,
        cells: dict[tuple[int, str], int],
        watching: asyncio.Event,
    ) -> None:
        baseline = total = sum(cells.values())
        request = pb.WatchRollupsRequest(app_id=app_id, rollups=[_ROLLUP])
        async for response in stub.WatchRollups(request, metadata=bearer(self._token)):
            now = time.perf_counter()
            for watched in response.cells:
                key, count = _cell(watched.cell)
                total += count - cells.get(key, 0)
                cells[key] = count
            watching.set()
            if total > baseline + self._totals[app_id][-1]:
                self._totals[app_id].append(total - baseline)
                self._moments[app_id].append(now)

    async def _all_cells(
        self, stub: pb_grpc.AggregateServiceStub, app_id: str
    ) -> dict[tuple[int, str], int]:
        cells: dict[tuple[int, str], int] = {}
        request = pb.QueryRollupRequest(app_id=app_id, rollup=_ROLLUP, page_size=_PAGE)
        while True:
            page = await stub.QueryRollup(request, metadata=bearer(self._token))
            cells.update(map(_cell, page.cells))
            if not page.next_page_token:
                return cells
            request.page_token = page.next_page_token


def _cell(cell: pb.Cell) -> tuple[tuple[int, str], int]:
    """A cell of the rollup `events`: its bucket and event name, and its count."""
    name = cell.dimensions.fields["name"].string_value
    return (cell.bucket_start.seconds, name), int(cell.metrics[_METRIC])

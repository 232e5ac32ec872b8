"""Compares rollups with a recount of the stored events, window by window."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime

from libs.common.clock import Clock
from services.aggregate.buckets import moment
from services.aggregate.expiry.kept import latest
from services.aggregate.verify.compare import compare
from services.aggregate.verify.model import (
    CellDifference,
    Totals,
    VerifiedRollup,
    VerifyQuery,
    Window,
)
from services.aggregate.verify.ports import Snapshot, Snapshots, Streams
from services.aggregate.verify.settling import Look, Waiting
from services.aggregate.verify.windows import windows_of

# Between two looks at windows that differ while events are on their way.
_PAUSE_SECONDS = 1.0


class Verifier:
    """Each window is compared in one snapshot of cells and events. If it differs while a stored batch is not
    counted yet, it is compared again later: once those batches are counted, a difference that they have not
    changed is for good, whatever has been stored since."""

    def __init__(
        self,
        snapshots: Snapshots,
        streams: Streams,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._snapshots = snapshots
        self._streams = streams
        self._clock = clock
        self._sleep = sleep

    async def verify(
        self, query: VerifyQuery, totals: Totals
    ) -> AsyncGenerator[CellDifference, None]:
        """The cells that differ for good, as they are found; `totals` grows meanwhile. Raises LimitExceeded,
        DeadlineExceeded, and what the stores raise."""
        waiting: list[Waiting] = []
        for window in await self._windows(query):
            compared = Waiting(await self._compare(query, window))
            if not compared.is_settled:
                waiting.append(compared)
                continue
            for difference in _settle(compared, totals):
                yield difference
        until_us = self._clock.now_us() + query.wait_seconds * 1e6
        while waiting and self._clock.now_us() < until_us:
            await self._sleep(_PAUSE_SECONDS)
            again, waiting = waiting, []
            for compared in again:
                compared.add(await self._compare(query, compared.newest.window))
                if not compared.is_settled:
                    waiting.append(compared)
                    continue
                for difference in _settle(compared, totals):
                    yield difference
        for compared in waiting:
            for difference in _settle(compared, totals):
                yield difference

    async def _windows(self, query: VerifyQuery) -> list[Window]:
        async with self._snapshots.open() as snapshot:
            by_name = await snapshot.event_days(query)
            by_rollup = await snapshot.cell_days(query)
        found = []
        for verified in query.rollups:
            used = Counter(by_rollup.get(verified.rollup.name))
            for name in verified.rollup.events:
                used.update(by_name.get(name))
            start = latest(query.start, verified.kept_from)
            found += windows_of(verified, used, start, query.end)
        return found

    async def _compare(self, query: VerifyQuery, window: Window) -> Look:
        # Before the snapshot: what it promises must hold in the snapshot.
        watermark = self._streams.watermark()
        async with self._snapshots.open() as snapshot:
            counted = await snapshot.counted(query, window)
            recounted = await snapshot.recounted(query, window)
            cells, differences = compare(window.of.rollup, counted, recounted)
            uncounted = await self._uncounted(snapshot, watermark) if differences else frozenset()
        return Look(window, cells, differences, uncounted)

    async def _uncounted(
        self, snapshot: Snapshot, watermark: datetime | None
    ) -> frozenset[bytes] | None:
        if watermark is None:
            return None
        found = frozenset(await snapshot.uncounted_batches(watermark))
        return found - await self._streams.quarantined() if found else found


def _settle(compared: Waiting, totals: Totals) -> list[CellDifference]:
    look, for_good = compared.newest, compared.for_good()
    found = []
    for difference in for_good:
        if _is_sealed(look.window.of, difference) and difference.maybe_expired:
            totals.sealed += 1
        else:
            found.append(difference)
    totals.different += len(found)
    totals.unsettled += len(look.differences) - len(for_good)
    totals.compared += look.cells - len(look.differences) + len(found)
    return found


def _is_sealed(of: VerifiedRollup, difference: CellDifference) -> bool:
    """Whether events of the cell's bucket may have expired."""
    return of.sealed_before is not None and moment(difference.key[0]) < of.sealed_before

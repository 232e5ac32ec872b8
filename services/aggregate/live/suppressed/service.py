"""Live numbers for callers who may see aggregates only."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from services.aggregate.answer_sizes import WATCH_MESSAGE_BYTES
from services.aggregate.live.changes import joined
from services.aggregate.live.convert import encoded_state
from services.aggregate.live.watch_hub import WatchHub
from services.aggregate.model import CellState
from services.aggregate.plan import AppPlan
from services.aggregate.ports import CellReader
from services.aggregate.suppression.postgres import ShownCells

# Whether a cell is shown depends on all of its bucket, which is read again each time.
_INTERVAL_SECONDS = 1.0


class SuppressedWatches:
    """Sends the cells of the newest buckets that are shown, read anew whenever `hub` has a change, at most
    once a second; of these, the ones that have changed."""

    def __init__(
        self, catalogs: Catalogs, hub: WatchHub, reader: CellReader, shown: ShownCells
    ) -> None:
        self._catalogs = catalogs
        self._hub = hub
        self._reader = reader
        self._shown = shown

    async def watch(
        self, app: AppPlan, rollups: frozenset[str], least: int
    ) -> AsyncGenerator[bytes]:
        """Encoded WatchRollupsResponses, without the numbers of fewer than `least` people. Ends and raises as
        `WatchHub.watch` does."""
        sent: dict[bytes, int] | None = None
        async with aclosing(self._hub.watch(app, rollups)) as changes:
            async for _ in changes:
                states = await self._current(app, rollups, least)
                versions = {state.cell.watched_id: state.version for state in states}
                known = sent or {}
                new = [
                    state for state in states if known.get(state.cell.watched_id) != state.version
                ]
                # The first message comes even if there is nothing in it.
                if new or sent is None:
                    for message in joined(map(encoded_state, new), WATCH_MESSAGE_BYTES):
                        yield message
                sent = versions
                await asyncio.sleep(_INTERVAL_SECONDS)

    async def _current(self, app: AppPlan, rollups: frozenset[str], least: int) -> list[CellState]:
        catalog = catalog_of(self._catalogs.current, app.app_id)
        buckets = await self._reader.newest_buckets(app.app_id, sorted(rollups))
        shown = {
            name: await self._shown.of(catalog, app.rollups[name], [bucket], least)
            for name, bucket in buckets.items()
        }
        # Of the others nothing is about people.
        limits = {name: least for name, ids in shown.items() if ids is not None}
        found: list[CellState] = []
        after: CellState | None = None
        while True:
            page = await self._reader.newest_cells(app, buckets, after, limits)
            for state in page.states:
                ids = shown[state.cell.rollup]
                if ids is None or state.cell.cell_id in ids:
                    found.append(state)
            if not page.more:
                return found
            after = page.states[-1]

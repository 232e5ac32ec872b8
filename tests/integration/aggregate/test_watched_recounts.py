"""Watchers see what a recount changes."""

from collections.abc import Callable
from typing import Any

import pytest
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from services.aggregate.buckets import moment
from services.aggregate.rollups.postgres import PostgresCellReader
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_recount import (
    HOUR,
    TIMEOUT,
    Recounting,
    backfill,
    change,
    count,
    played,
    recounting,
    until_recounted,
)

__all__ = ["recounting"]


class Watched:
    """What a watcher of `matches` knows: the metric of this name, by mode; None for a cell without values."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.matches: dict[str, float | None] = {}

    async def until(self, **expected: float | None) -> None:
        while self.matches != expected:
            for watched in (await self._call.read()).cells:
                mode = watched.cell.dimensions["mode"]
                self.matches[mode] = dict(watched.cell.metrics).get("matches")


@pytest.mark.usefixtures("recounts_soon")
async def test_cells_that_change_and_cells_that_go(stores: Stores, aggregate: Aggregate) -> None:
    await count(stores, played("ann", mode="duel"), played("bob", mode="chess"))
    request = pb.WatchRollupsRequest(app_id="arena", rollups=["matches"])
    call = aggregate.stub.WatchRollups(request, timeout=TIMEOUT)
    watched = Watched(call)
    await watched.until(duel=1, chess=1)
    assert change(stores, "UPDATE aggregate.measures SET count = 70 WHERE metric = 'matches'") == 2
    assert change(stores, "DELETE FROM enrich.events WHERE subject_id = 'bob'") == 1
    await count(stores, played("cy", mode="duel"))
    await watched.until(duel=71, chess=1)
    await backfill(aggregate, "matches")
    # Nothing else comes that would show them.
    await watched.until(duel=2, chess=None)
    # What comes later is newer than what the recount said.
    await count(stores, played("eve", mode="chess"), played("eve", mode="duel"))
    await watched.until(duel=3, chess=1)
    call.cancel()


@pytest.mark.usefixtures("recounts_soon")
async def test_a_cell_is_known_by_the_same_id_in_all_generations(
    stores: Stores, aggregate: Aggregate, recounting: Callable[[], Recounting]
) -> None:
    """So what a new watcher reads is not followed by a state from before that comes late."""
    replica = recounting()
    reader = PostgresCellReader(replica.engine)
    buckets = {"events": moment(HOUR)}
    await count(stores, played("ann"))
    [before] = (await reader.newest_cells(replica.plan, buckets, None)).states
    await backfill(aggregate, "events")
    await until_recounted(aggregate)
    [after] = (await reader.newest_cells(replica.plan, buckets, None)).states
    assert after.cell.cell_id != before.cell.cell_id
    assert after.cell.watched_id == before.cell.watched_id == before.cell.cell_id
    assert after.version > before.version

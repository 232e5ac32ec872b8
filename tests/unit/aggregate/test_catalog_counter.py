"""By which catalog a batch is counted when ingest had another one than aggregate."""

from collections import Counter

import orjson
import pytest
from weir.common.v1 import event_pb2

from libs.catalog import Catalogs, Snapshot, compile_catalog
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.catalog_counter import CatalogCounter
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.plan import CatalogBehindError
from tests.support.aggregate_batches import batch, event
from tests.support.aggregate_fakes import MemoryCountingStore
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

BEFORE = """
app_id: arena
title: Arena
categories: {play: {producers: [server], retention: {raw: 90d, aggregate: 5y}}}
events:
  match.ended: {category: play, properties: {mode: {type: string}}}
  match.left: {category: play}
rollups:
  matches: {events: [match.ended], period: day, dimensions: [], metrics: {matches: count}}
  leavers: {events: [match.left], period: day, metrics: {leavers: count}}
"""
# `match.left` and its rollup are gone, `match.won` and its rollup are new, `matches` has a dimension.
AFTER = """
app_id: arena
title: Arena
categories: {play: {producers: [server], retention: {raw: 90d, aggregate: 5y}}}
events:
  match.ended: {category: play, properties: {mode: {type: string}}}
  match.won: {category: play}
rollups:
  matches:
    {events: [match.ended], period: day, dimensions: [properties.mode], metrics: {matches: count}}
  winners: {events: [match.won], period: day, metrics: {winners: count}}
"""


def snapshot(text: str) -> Snapshot:
    return Snapshot.of(compile_catalog(text, "arena.yaml"))


def duel() -> event_pb2.Event:
    return event("match.ended", properties={"mode": "duel"})


class Scene:
    """Counts on a store in memory; `found` is what a look at the folder brings."""

    def __init__(self, text: str, found: Snapshot | None = None) -> None:
        self.store = MemoryCountingStore()
        self.catalogs = Catalogs(snapshot(text))
        self.found = found
        counter = BatchCounter(
            self.store, KnownMembers(100), CellIdentity(100), PSEUDONYMS, FixedClock.of_us()
        )
        self.counter = CatalogCounter(counter, self.catalogs, self._refresh)

    async def _refresh(self) -> bool:
        if self.found is None:
            return False
        self.catalogs.replace(self.found)
        self.found = None
        return True

    def counted(self) -> dict[tuple[str, str], int]:
        """By rollup and dimensions; all buckets together."""
        counts: Counter[tuple[str, str]] = Counter()
        for (cell_id, _), (measure, _) in self.store.measures.items():
            cell = self.store.cells[cell_id]
            if cell.rollup not in ("events", "activity"):
                counts[cell.rollup, orjson.loads(cell.dimensions).get("mode", "-")] += measure.count
        return dict(counts)


async def test_an_event_of_a_newer_catalog_makes_it_look_for_that() -> None:
    scene = Scene(BEFORE, found=snapshot(AFTER))
    await scene.counter.count([batch(event("match.won")), batch(duel())])
    assert scene.counted() == {("winners", "-"): 1, ("matches", "duel"): 1}


async def test_an_event_of_no_known_catalog_is_not_counted() -> None:
    scene = Scene(BEFORE)
    with pytest.raises(CatalogBehindError, match=r"declares no event match\.won"):
        await scene.counter.count([batch(event("match.won"))])
    assert not scene.store.batches


async def test_a_removed_event_is_counted_as_it_was_declared() -> None:
    scene = Scene(BEFORE)
    scene.catalogs.replace(snapshot(AFTER))
    # Accepted before the change, all of it: `matches` had no dimension then.
    await scene.counter.count([batch(event("match.left"), duel())])
    assert scene.counted() == {("leavers", "-"): 1, ("matches", "-"): 1}


async def test_an_app_that_was_removed_is_counted_too() -> None:
    scene = Scene(BEFORE)
    scene.catalogs.replace(Snapshot.of())
    await scene.counter.count([batch(event("match.ended"))])
    assert scene.counted() == {("matches", "-"): 1}


async def test_several_batches_are_not_counted_by_an_earlier_catalog() -> None:
    """It would leave out what was declared since; the reader tries each of them alone then."""
    scene = Scene(BEFORE)
    scene.catalogs.replace(snapshot(AFTER))
    removed, new = batch(event("match.left")), batch(event("match.won"))
    with pytest.raises(CatalogBehindError):
        await scene.counter.count([removed, new])
    assert not scene.store.batches
    for one in (removed, new):
        await scene.counter.count([one])
    assert scene.counted() == {("leavers", "-"): 1, ("winners", "-"): 1}


async def test_a_changed_rollup_counts_in_its_new_cells_from_then_on() -> None:
    scene = Scene(BEFORE)
    await scene.counter.count([batch(duel())])
    scene.catalogs.replace(snapshot(AFTER))
    await scene.counter.count([batch(duel())])
    assert scene.counted() == {("matches", "-"): 1, ("matches", "duel"): 1}


async def test_dimensions_with_equal_values_and_other_names_are_other_cells() -> None:
    def text(name: str) -> str:
        return BEFORE.replace("dimensions: []", f"dimensions: [{name}]")

    scene = Scene(text("entity.type"))
    await scene.counter.count([batch(event("match.ended"))])
    scene.catalogs.replace(snapshot(text("context.platform")))
    await scene.counter.count([batch(event("match.ended"))])
    dimensions = {
        cell.dimensions for cell in scene.store.cells.values() if cell.rollup == "matches"
    }
    assert {tuple(orjson.loads(each)) for each in dimensions} == {("entity_type",), ("platform",)}


async def test_after_more_changes_than_are_remembered_the_event_is_unknown() -> None:
    scene = Scene(BEFORE)
    for number in range(9):
        scene.catalogs.replace(snapshot(AFTER.replace("title: Arena", f"title: Arena {number}")))
    with pytest.raises(CatalogBehindError):
        await scene.counter.count([batch(event("match.left"))])

"""Whatever happens in between, a bucket has each stored and counted event once."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.fold import fold
from services.aggregate.counting.identity import CellIdentity, make_cell
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.model import StoredBatch
from services.aggregate.recount.model import BucketRange, PostponedError, Unit
from services.aggregate.recount.recounter import RecountPage
from tests.support.aggregate_batches import batch, event, seconds
from tests.support.aggregate_fakes import MemoryCountingStore
from tests.support.arena_catalog import APP, plan
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.recount_fakes import MemoryRecount, MemoryRecounts

PLAN = plan()
WEEK, HOUR = 7 * 86_400, 3_600
MONDAY = seconds("2026-04-27")
# A week of matches, and an hour of events: buckets that the batches below are in, and one beside them.
UNITS = [
    Unit(APP, [BucketRange("matches", MONDAY, MONDAY + WEEK)], frozenset()),
    Unit(
        APP,
        [
            BucketRange("events", MONDAY + 10 * HOUR, MONDAY + 11 * HOUR),
            BucketRange("activity", MONDAY, MONDAY + 86_400),
        ],
        frozenset(),
    ),
]


class World:
    """A store, two replicas that count, and at most one recount of each unit."""

    def __init__(self) -> None:
        self.store = MemoryCountingStore()
        self.recounts = MemoryRecounts(self.store)
        self.replicas = [
            BatchCounter(
                self.store, KnownMembers(1_000), CellIdentity(1_000), PSEUDONYMS, FixedClock.of_us()
            )
            for _ in range(2)
        ]
        self.opened: dict[int, tuple[MemoryRecount, RecountPage]] = {}
        self.changed = 0

    def store_batch(self, number: int) -> None:
        place = len(self.recounts.stored)
        self.recounts.stored.append(
            batch(
                event(
                    when=f"2026-04-2{7 + number % 3}T{10 + number % 2}:00:00",
                    player=f"p{number % 4}",
                    guild="g",
                    properties={"mode": number % 2, "score": number + 0.1},
                ),
                event("match.left", "2026-04-27T10:59:59", player=f"p{place % 3}"),
            )
        )

    async def count(self, replica: int, number: int, size: int) -> None:
        """A chunk, which may have batches that were counted before."""
        stored = self.recounts.stored
        chunk = stored[number % (len(stored) + 1) :][:size]
        await self.replicas[replica].count(chunk, {APP: PLAN})

    def open(self, unit: int) -> None:
        if unit not in self.opened:
            recount = self.recounts.begin(UNITS[unit])
            page = RecountPage(self.store, PSEUDONYMS, UNITS[unit], PLAN, recount)
            self.opened[unit] = recount, page

    async def read(self, unit: int) -> None:
        if unit in self.opened and self.opened[unit][0].unread:
            recount, page = self.opened[unit]
            await page.add(recount.unread.pop())

    async def close(self, unit: int) -> None:
        if unit in self.opened and not self.opened[unit][0].unread:
            recount, _ = self.opened.pop(unit)
            await recount.close()

    def kill(self, unit: int) -> None:
        if unit in self.opened:
            self.opened.pop(unit)[0].abandon()

    def spoil(self) -> None:
        """Wrong numbers, as another definition or a mistake leaves them."""
        for key, (measure, version) in self.store.measures.items():
            self.store.measures[key] = type(measure)(9, None, 9.0, 9.0), version

    def cells(self) -> dict[object, object]:
        """By rollup, bucket and dimensions."""
        return {
            (cell.rollup, cell.bucket, cell.dimensions): {
                metric: measure
                for (cell_id, metric), (measure, _) in self.store.measures.items()
                if cell_id == cell.cell_id
            }
            for cell in self.store.cells.values()
        }


async def expected(batches: Sequence[StoredBatch]) -> dict[object, object]:
    """All batches in one chunk, without any recount."""
    world = World()
    world.recounts.stored = list(batches)
    if batches:
        await world.count(0, 0, len(batches))
    return world.cells()


STEP = st.one_of(
    st.tuples(st.just("store_batch"), st.integers(0, 11)),
    st.tuples(st.just("count"), st.integers(0, 1), st.integers(0, 20), st.integers(1, 4)),
    st.tuples(st.sampled_from(["open", "read", "close", "kill"]), st.integers(0, 1)),
)


@settings(max_examples=300)
@given(steps=st.lists(STEP, max_size=40))
async def test_any_order_of_steps_comes_to_what_is_stored(steps: list[Any]) -> None:
    world = World()
    for name, *arguments in steps:
        done = getattr(world, name)(*arguments)
        if done is not None:
            await done
    for unit in list(world.opened):
        while world.opened[unit][0].unread:
            await world.read(unit)
        await world.close(unit)
    stored = world.recounts.stored
    if stored:
        await world.count(0, 0, len(stored))
    assert world.cells() == await expected(stored)


async def test_a_recount_replaces_wrong_numbers_and_leaves_others() -> None:
    world = World()
    for number in range(6):
        world.store_batch(number)
    await world.count(0, 0, 6)
    right = world.cells()
    world.spoil()
    wrong = world.cells()
    world.open(1)
    # Counted in the middle: into both generations.
    world.store_batch(7)
    await world.count(1, 6, 1)
    assert world.cells() != right
    for _ in range(6):
        await world.read(1)
    await world.close(1)
    right = await expected(world.recounts.stored)
    found = world.cells()
    for cell in right:
        repaired = cell[0] in ("events", "activity") and MONDAY <= cell[1] < MONDAY + 11 * HOUR  # type: ignore[index]
        if repaired and not (cell[0] == "events" and cell[1] != MONDAY + 10 * HOUR):  # type: ignore[index]
            assert found[cell] == right[cell]
        elif cell in wrong:
            assert found[cell] != right[cell]


async def test_a_page_of_a_recount_that_is_gone_is_not_added() -> None:
    world = World()
    world.store_batch(1)
    world.open(0)
    recount, page = world.opened[0]
    recount.abandon()
    with pytest.raises(PostponedError):
        await page.add(world.recounts.stored[0])
    with pytest.raises(PostponedError):
        await recount.close()
    assert not world.store.made_cells


async def test_versions_of_a_new_generation_are_higher() -> None:
    """So a state of the old one that is published late is not taken for newer."""
    [(key, *_)] = [*fold(PLAN, [batch(event())], PSEUDONYMS)["matches"].cells()]
    rollup = PLAN.rollups["matches"]
    first, second = (make_cell(APP, rollup, key, generation) for generation in (0, 3))
    assert second.watched_id == first.cell_id != second.cell_id
    world = World()
    world.store_batch(0)
    await world.count(0, 0, 1)
    world.open(0)
    await world.read(0)
    await world.close(0)
    versions = {
        version
        for cell in world.store.cells.values()
        for (cell_id, _), (_, version) in world.store.measures.items()
        if cell_id == cell.cell_id and cell.rollup == "matches"
    }
    assert versions == {(1 << 32) + 1}

"""Chunks are counted whole or not at all, and each batch once."""

from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY

from libs.catalog import compile_catalog
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.model import StoredBatch
from services.aggregate.plan import CatalogBehindError, compile_plan
from tests.support.aggregate_batches import batch, event
from tests.support.aggregate_fakes import MemoryCountingStore
from tests.support.arena_catalog import APP, CATALOG, plan
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

PLANS = {APP: plan()}


def a_counter(store: MemoryCountingStore) -> BatchCounter:
    return BatchCounter(store, KnownMembers(100), CellIdentity(100), PSEUDONYMS, FixedClock.of_us())


async def test_after_a_lost_connection_a_repetition_counts_once() -> None:
    store = MemoryCountingStore()
    store.failures = [ConnectionError()]
    counter, chunk = a_counter(store), [batch(event(player="ann"))]
    with pytest.raises(ConnectionError):
        await counter.count(chunk, PLANS)
    assert not store.batches
    assert not store.cells
    counted = await counter.count(chunk, PLANS)
    assert (counted.batches, counted.duplicates, counted.events) == (1, 0, {APP: 1})
    assert {m.count for (m, _) in store.measures.values()} <= {0, 1}
    assert len(store.batches) == 1


async def test_changes_of_expired_buckets_are_left_out_and_measured() -> None:
    """Of April, on May 20, if cells are kept for a week after their bucket."""
    text = CATALOG.replace("aggregate: keep", "aggregate: 7d")
    plans = {APP: compile_plan(compile_catalog(text, "arena.yaml"))}
    store = MemoryCountingStore()
    clock = FixedClock(datetime(2026, 5, 20, tzinfo=UTC))
    counter = BatchCounter(store, KnownMembers(100), CellIdentity(100), PSEUDONYMS, clock)
    before = expired_changes()
    counted = await counter.count([batch(event(when="2026-04-27T10:00:00"))], plans)
    assert counted.events == {APP: 1}
    assert store.cells == {}
    assert expired_changes() > before


def expired_changes() -> float:
    found = REGISTRY.get_sample_value("weir_aggregate_expired_changes_total", {"app": APP})
    return found or 0.0


async def test_a_batch_of_an_unknown_app_is_refused() -> None:
    unknown = StoredBatch(b"x" * 16, "chess", [], [], [], frozenset())
    with pytest.raises(CatalogBehindError):
        await a_counter(MemoryCountingStore()).count([unknown], PLANS)


async def test_the_same_batch_in_two_entries_counts_once() -> None:
    store = MemoryCountingStore()
    one = batch(event(), batch_id=b"1" * 16)
    counted = await a_counter(store).count([one, one], PLANS)
    assert (counted.batches, counted.duplicates) == (1, 1)
    again = await a_counter(store).count([one], PLANS)
    assert (again.batches, again.duplicates, again.events) == (0, 1, {})


async def test_what_was_counted_before_is_told_again_as_it_is_now() -> None:
    counter = a_counter(MemoryCountingStore())
    first = batch(event(player="ann"), batch_id=b"1" * 16)
    published = {state.cell: state for state in (await counter.count([first], PLANS)).states()}
    # Perhaps no watcher got it: the entry comes again.
    again = {state.cell: state for state in (await counter.count([first], PLANS)).states()}
    assert again == published
    # Together with a new one, and after it, the newest state is published.
    [second, third] = [batch(event(player="bob")) for _ in range(2)]
    await counter.count([second], PLANS)
    both = {state.cell: state for state in (await counter.count([first, third], PLANS)).states()}
    [events] = [state for cell, state in both.items() if cell.rollup == "events"]
    assert (events.version, events.values) == (3, {"events": 3.0})


async def test_people_who_are_known_are_not_stored_again() -> None:
    store = MemoryCountingStore()
    counter = a_counter(store)
    await counter.count([batch(event("match.left", player="ann"))], PLANS)
    offered = store.offered_members
    counted = await counter.count([batch(event("match.left", player="ann"))], PLANS)
    assert store.offered_members == offered == 1
    # A cell that did not change is not published.
    assert {state.cell.rollup for state in counted.states()} == {"events"}


async def test_what_is_rolled_back_is_not_taken_for_known() -> None:
    store = MemoryCountingStore()
    counter = a_counter(store)
    store.failures = [ValueError()]
    with pytest.raises(ValueError):
        await counter.count([batch(event(player="ann"))], PLANS)
    await counter.count([batch(event(player="ann"))], PLANS)
    assert {member for _, metric, member in store.members if metric == "active_users"} == {
        PSEUDONYMS.pseudonym(APP, "ann")
    }


async def test_every_change_of_a_cell_raises_its_version() -> None:
    counter = a_counter(MemoryCountingStore())
    versions = []
    for _ in range(3):
        counted = await counter.count([batch(event())], PLANS)
        versions.append({s.version for s in counted.states() if s.cell.rollup == "events"})
    assert versions == [{1}, {2}, {3}]

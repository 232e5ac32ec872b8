"""What every `ports.CountingStore` promises: Postgres, and the fake that tests of counting use."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from libs.stores.postgres_connector import PostgresConnector
from services.aggregate.counting.postgres import PostgresCountingStore
from services.aggregate.model import Cell, CellDelta, Measure, MeasureDelta, StoredBatch
from services.aggregate.ports import CountingStore, CountingTransaction
from tests.support.aggregate_batches import batch, event
from tests.support.aggregate_fakes import MemoryCountingStore

ONE, TWO = Cell(b"1" * 16, "arena", "r", 0, b"{}"), Cell(b"2" * 16, "arena", "r", 3_600, b"{}")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[CountingStore]:
    if request.param == "memory":
        yield MemoryCountingStore()
        return
    role_url = request.getfixturevalue("role_url")
    counting = PostgresCountingStore(
        PostgresConnector(role_url("weir_aggregate"), service="aggregate")
    )
    yield counting
    counting.close()


def _delta(cell: Cell, *measures: MeasureDelta) -> CellDelta:
    return CellDelta(cell, measures, {})


async def _claim(store: CountingStore, *batches: StoredBatch) -> set[bytes]:
    async with store.transaction() as transaction:
        return (await transaction.claim(batches)).batches


async def _grow(
    store: CountingStore, *deltas: CellDelta
) -> dict[bytes, tuple[int, dict[str, Measure]]]:
    async with store.transaction() as transaction:
        states = await transaction.add_measures(deltas)
    return {cell_id: (version, dict(found)) for cell_id, (version, found) in states.items()}


async def _read(store: CountingStore, cell_ids: Sequence[bytes]) -> object:
    async with store.transaction() as transaction:
        return await transaction.read_measures(cell_ids)


async def test_buckets_are_marked_as_often_as_they_are_left_out(store: CountingStore) -> None:
    buckets = [("arena", "r", 0), ("arena", "r", 3_600)]
    async with store.transaction() as transaction:
        await transaction.mark_outdated(buckets)
    async with store.transaction() as transaction:
        await transaction.mark_outdated(buckets[1:])


async def test_a_batch_is_claimed_once(store: CountingStore) -> None:
    one, two = batch(event()), batch(event())
    assert await _claim(store, one, one) == {one.batch_id}
    assert await _claim(store, one, two) == {two.batch_id}
    assert await _claim(store, one, two) == set()


async def test_an_exception_undoes_all_of_a_transaction(store: CountingStore) -> None:
    one = batch(event())
    members = {(ONE.cell_id, "players"): {"ann"}}

    async def do_all(transaction: CountingTransaction) -> None:
        assert (await transaction.claim([one])).batches == {one.batch_id}
        assert await transaction.add_members(members) == {(ONE.cell_id, "players"): 1}
        states = await transaction.add_measures([_delta(ONE, MeasureDelta("players", 1))])
        assert states == {ONE.cell_id: (1, {"players": Measure(1, None, None, None)})}
        await transaction.add_cells([ONE])

    async def fail() -> None:
        async with store.transaction() as transaction:
            await do_all(transaction)
            raise ValueError("stop")

    with pytest.raises(ValueError, match=r"^stop$"):
        await fail()
    # All of it is new again, and then it is not.
    async with store.transaction() as transaction:
        await do_all(transaction)
    assert await _claim(store, one) == set()
    async with store.transaction() as transaction:
        assert await transaction.add_members(members) == {}


@pytest.mark.parametrize("commits", [True, False])
async def test_a_batch_that_another_transaction_claims_is_waited_for(
    store: CountingStore, commits: bool
) -> None:
    """Whether it is counted is known when the other transaction ends."""
    one = batch(event())
    begun = asyncio.Event()

    async def second() -> set[bytes]:
        begun.set()
        return await _claim(store, one)

    async def first() -> None:
        async with store.transaction() as transaction:
            await transaction.claim([one])
            tasks.append(asyncio.create_task(second()))
            await begun.wait()
            await transaction.read_measures([ONE.cell_id])
            assert not tasks[0].done()
            if not commits:
                raise ValueError("stop")

    tasks: list[asyncio.Task[set[bytes]]] = []
    [error] = await asyncio.gather(first(), return_exceptions=True)
    assert (error is None) == commits
    assert await tasks[0] == (set() if commits else {one.batch_id})


async def test_members_are_counted_when_they_are_new(store: CountingStore) -> None:
    async with store.transaction() as transaction:
        first = await transaction.add_members(
            {(ONE.cell_id, "players"): {"ann", "bob"}, (TWO.cell_id, "players"): {"ann"}}
        )
        assert first == {(ONE.cell_id, "players"): 2, (TWO.cell_id, "players"): 1}
        assert await transaction.add_members({}) == {}
    async with store.transaction() as transaction:
        second = await transaction.add_members(
            {
                (ONE.cell_id, "players"): {"bob", "eve"},
                (TWO.cell_id, "players"): {"ann"},
                (ONE.cell_id, "guests"): {"ann"},
            }
        )
    assert second == {(ONE.cell_id, "players"): 1, (ONE.cell_id, "guests"): 1}


async def test_measures_add_up(store: CountingStore) -> None:
    """0.1 + 0.2 is 0.3, and 1e20 + 1 keeps the 1: sums are decimal."""
    one = MeasureDelta("score", 2, Decimal("0.1"), -1.5, 4.0)
    assert await _grow(store, _delta(ONE, one)) == {
        ONE.cell_id: (1, {"score": Measure(2, Decimal("0.1"), -1.5, 4.0)})
    }
    more = MeasureDelta("score", 3, Decimal("0.2"), -1.0, 7.0)
    other = MeasureDelta("score", 1, 10**20, 1e20, 1e20)
    assert await _grow(store, _delta(ONE, more), _delta(TWO, other)) == {
        ONE.cell_id: (2, {"score": Measure(5, Decimal("0.3"), -1.5, 7.0)}),
        TWO.cell_id: (1, {"score": Measure(1, Decimal(10**20), 1e20, 1e20)}),
    }
    assert await _grow(store, _delta(TWO, MeasureDelta("score", 1, 1, 1.0, 1.0))) == {
        TWO.cell_id: (2, {"score": Measure(2, Decimal(10**20 + 1), 1.0, 1e20)})
    }


async def test_a_missing_side_is_the_other_side(store: CountingStore) -> None:
    nothing, number = MeasureDelta("score", 1), MeasureDelta("score", 1, Decimal(5), 5.0, 5.0)
    assert await _grow(store, _delta(ONE, nothing), _delta(TWO, number)) == {
        ONE.cell_id: (1, {"score": Measure(1, None, None, None)}),
        TWO.cell_id: (1, {"score": Measure(1, Decimal(5), 5.0, 5.0)}),
    }
    assert await _grow(store, _delta(ONE, number), _delta(TWO, nothing)) == {
        ONE.cell_id: (2, {"score": Measure(2, Decimal(5), 5.0, 5.0)}),
        TWO.cell_id: (2, {"score": Measure(2, Decimal(5), 5.0, 5.0)}),
    }


async def test_measures_are_read_as_they_were_returned(store: CountingStore) -> None:
    delta = _delta(ONE, MeasureDelta("games", 3), MeasureDelta("score", 1, 7, 7.0, 7.0))
    await _grow(store, delta)
    returned = await _grow(store, delta, _delta(TWO, MeasureDelta("games", 1)))
    assert returned[ONE.cell_id][0] == 2
    assert await _read(store, [ONE.cell_id, TWO.cell_id, b"3" * 16]) == returned
    assert await _read(store, [TWO.cell_id]) == {TWO.cell_id: returned[TWO.cell_id]}
    assert await _read(store, []) == {}


async def test_cells_may_be_stored_again(store: CountingStore) -> None:
    for cells in ([ONE], [TWO, ONE], []):
        async with store.transaction() as transaction:
            await transaction.add_cells(cells)


async def test_histograms_add_up_and_edges_replace_each_other(store: CountingStore) -> None:
    low, high = "0" * 32, "f" * 32
    early, late = (5, low, 1), (5, high, 2.5)
    one = MeasureDelta("p50", 3, None, 1.0, 3.0, {"1": 1, "2": 2})
    await _grow(store, _delta(ONE, one, MeasureDelta("first", 1, first_number=late)))
    await _grow(store, _delta(ONE, MeasureDelta("p50"), MeasureDelta("first")))
    more = MeasureDelta("p50", 2, None, 2.0, 9.0, {"2": 1, "70": 1})
    edges = MeasureDelta("first", 1, first_number=early, last_number=early)
    states = await _grow(store, _delta(ONE, more, edges, MeasureDelta("last", last_number=early)))
    assert states == {
        ONE.cell_id: (
            3,
            {
                "p50": Measure(5, None, 1.0, 9.0, {"1": 1, "2": 3, "70": 1}),
                "first": Measure(2, None, None, None, None, list(early), list(early)),
                "last": Measure(0, None, None, None, None, None, list(early)),
            },
        )
    }
    # A later event, and one of the same moment whose UUID is greater.
    for edge in ((4, high, 3), late):
        growth = MeasureDelta("first", 1, first_number=edge, last_number=edge)
        states = await _grow(store, _delta(ONE, growth))
    _, measures = states[ONE.cell_id]
    assert measures["first"] == Measure(4, None, None, None, None, [4, high, 3], list(late))
    assert await _read(store, [ONE.cell_id]) == {
        ONE.cell_id: (
            5,
            {
                **measures,
                "p50": Measure(5, None, 1.0, 9.0, {"1": 1, "2": 3, "70": 1}),
                "last": Measure(0, None, None, None, None, None, list(early)),
            },
        )
    }

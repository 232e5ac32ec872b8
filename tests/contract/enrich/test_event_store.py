"""What every `ports.EventStore` promises: Postgres, and the fake that tests of the pipeline use."""

from collections.abc import AsyncIterator

import pytest
from weir.common.v1 import event_pb2

from libs.catalog import Catalogs
from libs.common.clock import DAY_US
from libs.stores.postgres import create_engine
from libs.stores.postgres_connector import PostgresConnector
from services.enrich.model import WorkBatch
from services.enrich.ports import EventStore, RowRejected
from services.enrich.storage.postgres import PostgresEventStore
from tests.support.enrich_batches import NOON_US, enriched, event, work_batch
from tests.support.enrich_fakes import REJECTED_BY_POSTGRES, MemoryEventStore
from tests.support.pseudonyms import PSEUDONYMS


class Stored:
    """A store, and batches for it."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def batch(self, name: str, *events: event_pb2.Event, skip: bytes = b"") -> WorkBatch:
        """A new copy of the batch of that name, ready to be written."""
        batch = enriched(work_batch(*events, name=name, skip=skip))
        batch.rows = self.store.rows(batch)
        return batch

    async def write(self, *batches: WorkBatch) -> list[set[int]]:
        """Writes batches; returns what each of them skipped."""
        await self.store.write(batches)
        return [batch.skipped for batch in batches]

    async def write_one(self, name: str, *events: event_pb2.Event) -> set[int]:
        """Writes a batch; returns what it skipped."""
        [skipped] = await self.write(self.batch(name, *events))
        return skipped


@pytest.fixture(params=["memory", "postgres"])
async def stored(request: pytest.FixtureRequest) -> AsyncIterator[Stored]:
    if request.param == "memory":
        yield Stored(MemoryEventStore())
        return
    url = request.getfixturevalue("database_url")
    engine = create_engine(url, service="enrich")
    connector = PostgresConnector(url, service="enrich")
    store = PostgresEventStore(engine, connector, PSEUDONYMS, Catalogs.of())
    yield Stored(store)
    store.close()
    await engine.dispose()


async def test_a_batch_that_is_written_again_changes_nothing(stored: Stored) -> None:
    assert await stored.write_one("a", event("e1")) == set()
    events = [event("e1"), event("e2"), event("e3"), event("e2")]
    # e1 was stored by another batch, e3 is ingest's duplicate, and e2 is in the batch twice.
    first = stored.batch("b", *events, skip=b"2")
    assert await stored.write(first) == [{0, 2, 3}]
    assert not first.repeated
    for _ in range(2):
        again = stored.batch("b", *events, skip=b"2")
        other = stored.batch("a", event("e1"))
        assert await stored.write(again, other) == [{0, 2, 3}, set()]
        assert again.repeated
        assert other.repeated
    # e3 was never stored, so that it is new.
    assert await stored.write_one("c", event("e1"), event("e2"), event("e3")) == {0, 1}


async def test_a_batch_twice_in_a_chunk_is_stored_once(stored: Stored) -> None:
    first = stored.batch("a", event("e1"), event("e2"))
    # The second time, ingest found e2 to be a duplicate: the first one counts.
    second = stored.batch("a", event("e1"), event("e2"), skip=b"1")
    assert await stored.write(first, second) == [set(), set()]
    assert not first.repeated
    assert second.repeated
    assert await stored.write_one("b", event("e2"), event("e3")) == {0}


async def test_one_event_in_two_batches_of_a_chunk_is_stored_by_the_first(stored: Stored) -> None:
    first = stored.batch("a", event("e1"), event("e2"))
    second = stored.batch("b", event("e2"), event("e3"))
    assert await stored.write(first, second) == [set(), {0}]


async def test_the_same_id_at_another_time_is_another_event(stored: Stored) -> None:
    """Ids are compared by ingest, within the dedupe window; the key of the table includes the time,
    as a partitioned table's key must."""
    await stored.write_one("a", event("e1"))
    assert await stored.write_one("b", event("e1", NOON_US + DAY_US), event("e1")) == {1}


async def test_the_same_id_in_another_retention_class_is_another_event(stored: Stored) -> None:
    await stored.write_one("a", event("e1", retention_days=90))
    both = event("e1", retention_days=90), event("e1", retention_days=7)
    assert await stored.write_one("b", *both) == {0}


async def test_the_same_id_in_another_app_is_another_event(stored: Stored) -> None:
    await stored.write_one("a", event("e1"))
    other = enriched(work_batch(event("e1"), app_id="go"))
    other.rows = stored.store.rows(other)
    assert await stored.write(other) == [set()]


async def test_a_failed_event_has_no_row_and_stays_skipped(stored: Stored) -> None:
    odd = event("odd", producer=99)
    batch = stored.batch("a", event("e1"), odd)
    assert [row is None for row in batch.rows] == [False, True]
    assert await stored.write(batch) == [{1}]
    assert await stored.write_one("a", event("e1"), odd) == {1}


async def test_a_row_that_cannot_be_stored_stores_nothing_of_the_chunk(stored: Stored) -> None:
    good = stored.batch("a", event("e1"))
    bad = stored.batch("b", event("e2"), event("e3", properties_json=REJECTED_BY_POSTGRES))
    with pytest.raises(RowRejected, match=r"^NumericValueOutOfRange$"):
        await stored.store.write([good, bad])
    assert await stored.store.skipped_before([good.batch_id, bad.batch_id]) == {}
    # Nothing of it was there, and the store works on.
    assert await stored.write_one("a", event("e1")) == set()
    assert await stored.write_one("c", event("e2")) == set()


async def test_a_row_that_cannot_be_stored_does_no_harm_if_it_is_skipped(stored: Stored) -> None:
    batch = stored.batch("a", event("e1"), event("bad", properties_json=REJECTED_BY_POSTGRES))
    batch.fail(1, "NumericValueOutOfRange while storing")
    assert await stored.write(batch) == [{1}]


async def test_trying_rows_stores_nothing(stored: Stored) -> None:
    bad = event("bad", properties_json=REJECTED_BY_POSTGRES)
    rows = [row for row in stored.batch("a", event("e1"), bad, event("e2")).rows if row]
    assert await stored.store.can_store(rows[:1])
    assert not await stored.store.can_store(rows)
    assert not await stored.store.can_store(rows[1:2])
    assert await stored.store.can_store([rows[0], rows[2]])
    assert await stored.store.can_store([])
    assert await stored.write_one("b", event("e1"), event("e2")) == set()


async def test_what_a_stored_batch_skipped_is_known(stored: Stored) -> None:
    await stored.write_one("a", event("e1"))
    batch, unknown = stored.batch("b", event("e1"), event("e2")), stored.batch("c", event("e9"))
    await stored.write(batch)
    found = await stored.store.skipped_before([batch.batch_id, unknown.batch_id])
    assert {key: list(value) for key, value in found.items()} == {batch.batch_id: [0]}

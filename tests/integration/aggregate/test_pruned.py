"""After pruning, whatever a stream can still deliver counts once; what was taken out of it is forgotten."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from weir.streams.v1 import batch_pb2

from libs.common.clock import SystemClock
from libs.jobs.journal_view import JournalView
from libs.stores.postgres import create_engine
from tests.integration.aggregate.conftest import STREAM, Aggregate, Stores
from tests.integration.aggregate.test_counted_once import EVENTS_COUNTED, some_entries
from tests.support.waiting import until

QUARANTINE = "aggregate:{0}:quarantine"
PRUNED_AT_FIRST = """
    SELECT 1 FROM jobs.runs WHERE job = 'aggregate.prune_batches' AND outcome = 'succeeded'
"""
PRUNED = {"deleted": 1, "deliverable": 2}
AGED = "UPDATE aggregate.batches SET applied_at = now() - interval '80 hours' RETURNING 1"


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
async def view(stores: Stores) -> AsyncIterator[JournalView]:
    engine = create_engine(stores.database_url, service="tests")
    yield JournalView(engine, SystemClock())
    await engine.dispose()


async def test_a_pruned_database_counts_nothing_twice(
    stores: Stores, view: JournalView, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    entries = [_with_old_id(fields, n) for n, fields in enumerate(some_entries(3))]
    _, quarantined, gone = entries
    await start()
    # A job that never ran does so at once: not later, when it would take this test's part.
    await until(lambda: stores.sql(PRUNED_AT_FIRST))
    kept, *others = [stores.send(fields) for fields in entries]
    await stores.until_drained()
    assert stores.sql(EVENTS_COUNTED) == [(30,)]
    # Counted, and yet in quarantine: so it is when what follows the commit fails at an entry again and again.
    stores.redis.xadd(QUARANTINE, {**quarantined, b"stream": STREAM, b"entry": b"1-0"})  # type: ignore[dict-item]
    stores.redis.xdel(STREAM, *others)
    assert stores.sql(AGED) == [(1,)] * 3

    # The job of the running service, asked for by hand.
    run_id = await view.request("aggregate.prune_batches", datetime.now(UTC))
    assert run_id
    await until(partial(_has_ended, view, run_id))
    run = await view.run(run_id)
    assert run
    assert (run.outcome, run.counts) == ("succeeded", PRUNED)

    # The group is lost, so everything is delivered again; and an operator adds what is in quarantine.
    stores.redis.xgroup_destroy(STREAM, "aggregate")
    stores.send(quarantined)
    await until(stores.is_drained)
    assert stores.sql(EVENTS_COUNTED) == [(30,)]
    assert stores.redis.xinfo_stream(STREAM)["first-entry"][0] == kept

    # What no stream had is forgotten: brought back from elsewhere after so long, it counts again.
    stores.send(gone)
    await until(lambda: stores.sql(EVENTS_COUNTED) == [(40,)])


async def _has_ended(view: JournalView, run_id: uuid.UUID) -> bool:
    run = await view.run(run_id)
    return run is not None and run.finished_at is not None


def _with_old_id(fields: dict[bytes, bytes], number: int) -> dict[bytes, bytes]:
    enriched = batch_pb2.EnrichedBatch.FromString(fields[b"batch"])
    batch = batch_pb2.EventBatch.FromString(enriched.event_batch)
    # 2024, as a UUIDv7.
    batch.batch_id = bytes.fromhex(f"018cc251f4007000800000000000000{number}")
    enriched.event_batch = batch.SerializeToString()
    return {**fields, b"batch": enriched.SerializeToString()}

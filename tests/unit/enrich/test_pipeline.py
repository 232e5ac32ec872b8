"""What the pipeline decides, on stores in memory; tests/contract/enrich proves that they are like the real
ones."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from libs.catalog import Catalogs, Snapshot
from services.enrich.dead_letter_limit import DeadLetterLimit, DeadLetterLimitExceeded
from services.enrich.model import Row, WorkBatch
from services.enrich.pipeline import EnrichPipeline
from services.enrich.steps.country import country_lookup
from services.enrich.steps.registry import all_steps
from tests.support.enrich_batches import NOON_US, event, work_batch
from tests.support.enrich_fakes import (
    REJECTED_BY_POSTGRES,
    MemoryEnrichedStream,
    MemoryEventStore,
    MemorySessionStore,
)
from tests.support.small_catalog import small


class Enrich:
    """A pipeline in memory."""

    def __init__(
        self, catalogs: Catalogs | None = None, store: MemoryEventStore | None = None
    ) -> None:
        self.store = store or MemoryEventStore()
        self.sessions = MemorySessionStore()
        self.stream = MemoryEnrichedStream()
        self.pipeline = EnrichPipeline(
            catalogs or Catalogs.of(),
            all_steps(country_lookup(None), self.sessions),
            self.store,
            self.stream,
            DeadLetterLimit(0.5, 20),
        )

    async def process(self, *batches: WorkBatch) -> None:
        await self.pipeline.process(batches)

    def dead_letters(self, batch: WorkBatch) -> dict[int, str]:
        """The messages of the batch's dead letters, by position."""
        return {
            failed.position: failed.reason
            for batch_id, failed in self.stream.dead_letters
            if batch_id == batch.batch_id
        }


BAD: dict[str, Any] = {"properties_json": REJECTED_BY_POSTGRES}


async def test_rows_that_cannot_be_stored_are_isolated_over_all_batches_of_a_chunk() -> None:
    enrich = Enrich()
    good, other = work_batch(event("a")), work_batch(event("b"), event("c"))
    bad = work_batch(*(event(f"e{n}", **(BAD if n in (3, 9) else {})) for n in range(12)))
    await enrich.process(good, bad, other)
    assert enrich.dead_letters(bad) == dict.fromkeys((3, 9), "NumericValueOutOfRange while storing")
    assert len(enrich.store.events) == 1 + 10 + 2
    assert enrich.stream.forwarded == [
        (good.batch_id, set()),
        (bad.batch_id, {3, 9}),
        (other.batch_id, set()),
    ]


async def test_nothing_is_tried_twice_while_every_row_can_be_stored() -> None:
    enrich = Enrich()
    await enrich.process(*(work_batch(event(f"e{n}")) for n in range(8)))
    assert enrich.store.trials == 0


async def test_an_event_at_which_a_step_raises_is_not_stored_and_begins_no_session() -> None:
    enrich = Enrich()
    batch = work_batch(event("a", session_id="s", producer=99), event("b", session_id="t"))
    await enrich.process(batch)
    assert enrich.dead_letters(batch) == {0: "IndexError while enriching"}
    assert enrich.stream.forwarded == [(batch.batch_id, {0})]
    assert {session_id for _, _, session_id in enrich.sessions.sessions} == {"t"}


async def test_what_ingest_skipped_is_not_enriched_and_makes_no_dead_letters() -> None:
    enrich = Enrich()
    failing = [event(f"e{n}", session_id="s", producer=99) for n in range(25)]
    skip = b",".join(b"%d" % n for n in range(25))
    batch = work_batch(*failing, event("a", session_id="t"), skip=skip)
    await enrich.process(batch)
    assert enrich.dead_letters(batch) == {}
    assert enrich.stream.forwarded == [(batch.batch_id, set(range(25)))]
    assert batch.rows[:25] == [None] * 25
    assert {session_id for _, _, session_id in enrich.sessions.sessions} == {"t"}


async def test_duplicates_do_not_hide_that_too_many_of_the_other_events_fail() -> None:
    enrich = Enrich()
    events = [event(f"e{n}", **({"producer": 99} if n < 15 else {})) for n in range(60)]
    batch = work_batch(*events, skip=b",".join(b"%d" % n for n in range(20, 60)))
    with pytest.raises(DeadLetterLimitExceeded, match="15 of 20 events"):
        await enrich.process(batch)


async def test_too_many_events_of_a_batch_that_cannot_be_stored_leave_it_for_later() -> None:
    enrich = Enrich()
    fine = work_batch(event("fine"))
    broken = work_batch(*(event(f"e{n}", **(BAD if n < 15 else {})) for n in range(20)))
    with pytest.raises(DeadLetterLimitExceeded, match="15 of 20 events, the first: Numeric"):
        await enrich.process(fine, broken)
    assert enrich.stream.dead_letters.total() == 0
    assert broken.batch_id not in enrich.store.batches
    # The batches before it are stored, and repeating them does no harm.
    again = work_batch(event("fine"))
    again.batch_id = fine.batch_id
    await enrich.process(again)
    assert again.repeated
    assert enrich.stream.forwarded == [(fine.batch_id, set())]


async def test_an_event_counts_once_for_the_limit_also_if_rows_are_rejected() -> None:
    enrich = Enrich()
    failing = [event(f"f{n}", producer=99) for n in range(6)]
    rejected = [event(f"r{n}", **BAD) for n in range(6)]
    await enrich.process(work_batch(*failing, *rejected, *(event(f"e{n}") for n in range(12))))
    # Half of 24, and then 13 of 27: not more than half.
    last = work_batch(event("f", producer=99), event("a"), event("b"))
    await enrich.process(last)
    assert enrich.dead_letters(last) == {0: "IndexError while enriching"}


async def test_rejected_rows_are_measured_by_the_events_that_there_were() -> None:
    enrich = Enrich()
    # 17 of 30 in all, of which each batch alone is too small to tell.
    with pytest.raises(DeadLetterLimitExceeded, match="17 of 19 events"):
        await enrich.process(
            work_batch(*(event(f"a{n}") for n in range(11))),
            work_batch(*(event(f"e{n}", **(BAD if n < 17 else {})) for n in range(19))),
        )


async def test_sessions_of_all_batches_of_an_app_and_shard_cost_one_look_up() -> None:
    enrich = Enrich()
    batches = [
        work_batch(event(f"e{n}", NOON_US - n, session_id=f"s{n % 2}"), event(f"f{n}"))
        for n in range(4)
    ]
    await enrich.process(*batches, work_batch(event("g", session_id="s0"), shard=1))
    assert enrich.sessions.calls == 2
    # Of each session the earliest event: number 2 of the even ones, number 3 of the odd ones.
    started = [batch.found["session_started_at"] for batch in batches]
    assert started == [[NOON_US - 2 - n % 2, None] for n in range(4)]
    # Known already, and no earlier event: nothing to save.
    await enrich.process(work_batch(event("h", session_id="s0")))
    assert enrich.sessions.calls == 3


async def test_a_step_runs_for_the_apps_that_have_it_switched_on() -> None:
    catalogs = Catalogs.of(small("enrichment: [user_agent]\n"))
    enrich = Enrich(catalogs)
    context = {"ip": "8.8.8.0", "user_agent": "UnityPlayer/2022.3.10f1"}

    async def found(event_id: str, app_id: str) -> tuple[str | None, str | None, bool]:
        batch = work_batch(event(event_id, session_id="s", context=context), app_id=app_id)
        await enrich.process(batch)
        assert enrich.stream.forwarded[-1] == (batch.batch_id, set())
        [result] = batch.enriched
        assert result is not None
        country, device_type, *_ = result.context.enrichment.values
        return country, device_type, "session_started_at" in batch.found

    assert await found("e1", "chess") == (None, "engine", False)
    # Ingest accepted the event with a catalog that is not here yet.
    assert await found("e2", "go") == ("US", "engine", True)
    assert {app_id for app_id, _, _ in enrich.sessions.sessions} == {"go"}
    # A new snapshot holds for the next chunk.
    catalogs.replace(Snapshot.of(small("enrichment: [country, session]\n")))
    assert await found("e3", "chess") == ("US", None, True)
    # So does the last one of an app whose catalog was removed.
    catalogs.replace(Snapshot.of())
    assert await found("e4", "chess") == ("US", None, True)


async def test_the_next_chunk_passes_through_the_steps_while_one_is_stored_and_stays_behind_it() -> (
    None
):
    class SlowStore(MemoryEventStore):
        def __init__(self) -> None:
            super().__init__()
            self.writing, self.prepared = asyncio.Event(), asyncio.Event()
            self.finish = asyncio.Event()

        def rows(self, batch: WorkBatch) -> Sequence[Row | None]:
            if batch is second:
                self.prepared.set()
            return super().rows(batch)

        async def write(self, batches: Sequence[WorkBatch]) -> None:
            self.writing.set()
            await self.finish.wait()
            await super().write(batches)

    first, second = work_batch(event("a", session_id="s")), work_batch(event("b", session_id="t"))
    store = SlowStore()
    enrich = Enrich(store=store)
    one = asyncio.create_task(enrich.process(first))
    await store.writing.wait()
    two = asyncio.create_task(enrich.process(second))
    await store.prepared.wait()
    assert enrich.sessions.calls == 2
    assert store.batches == {}
    store.finish.set()
    await asyncio.gather(one, two)
    assert [batch_id for batch_id, _ in enrich.stream.forwarded] == [
        first.batch_id,
        second.batch_id,
    ]


async def test_dead_lettering_a_stored_batch_forwards_it_as_it_was_stored() -> None:
    enrich = Enrich()
    batch = work_batch(event("a"), event("bad", **BAD), name="b")
    await enrich.process(batch)
    again = work_batch(event("a"), event("bad", **BAD), name="b")
    await enrich.pipeline.dead_letter(again, "it failed")
    assert enrich.stream.forwarded == [(batch.batch_id, {1})] * 2
    assert enrich.stream.dead_letters.total() == 1


async def test_dead_lettering_any_other_batch_leaves_ingests_duplicates_out() -> None:
    enrich = Enrich()
    batch = work_batch(event("a"), event("b"), event("c"), skip=b"1")
    await enrich.pipeline.dead_letter(batch, "it failed")
    assert enrich.dead_letters(batch) == {0: "it failed", 2: "it failed"}
    assert enrich.stream.forwarded == []
    assert enrich.store.batches == {}

"""Nothing of an erased person is stored any more, whichever way it comes (promises, section 5)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs, Snapshot
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import SubjectRef
from libs.streams.compression import decompress
from services.enrich.erasure.fences import Fences
from services.enrich.model import WorkBatch
from services.enrich.storage.postgres import PostgresEventStore
from tests.integration.enrich.conftest import Enrich
from tests.support.enrich_batches import NOON, NOON_US, enriched, entry_of, event, work_batch
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.small_catalog import KEEPS_PLAY

ANNA = SubjectRef("chess", "anna", tuple(PSEUDONYMS.all_epochs("chess", "anna")))
SECOND_US = 1_000_000
LATER = datetime(2026, 11, 20, 13, tzinfo=UTC)


@pytest.fixture
def fences(engine: AsyncEngine) -> Fences:
    return Fences(engine, PSEUDONYMS, Catalogs.of())


def _batch(store: PostgresEventStore, *names: str, at_us: int = NOON_US) -> WorkBatch:
    batch = enriched(
        work_batch(*(event(f"{name}-{at_us}", at_us, subject_id=name) for name in names))
    )
    batch.rows = store.rows(batch)
    return batch


async def test_a_batch_in_the_stream_comes_to_the_fence(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    await fences.add(ANNA, NOON)
    batch = _batch(store, "anna", "ben")
    await store.write([batch])
    assert batch.skipped == {0}
    assert enrich.rows() == [(f"ben-{NOON_US}",)]


async def test_a_fence_of_another_process_is_noticed_by_a_chunk_that_is_ready(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    # The store has read the fences, and there was none.
    await store.write([_batch(store, "ben")])
    batch = _batch(store, "anna", "carl")
    await fences.add(ANNA, NOON)
    await store.write([batch])
    assert batch.skipped == {0}
    assert {row for (row,) in enrich.rows()} == {f"ben-{NOON_US}", f"carl-{NOON_US}"}


async def test_the_slower_way_of_a_chunk_comes_to_the_fence_too(
    enrich: Enrich, new_store: Callable[[], PostgresEventStore], fences: Fences
) -> None:
    first, second = new_store(), new_store()
    await first.write([_batch(first, "ben")])
    await second.write([_batch(second, "dora")])
    # Its first event is stored already, by another batch.
    batch = _batch(second, "ben", "anna")
    await fences.add(ANNA, NOON)
    await second.write([batch])
    assert batch.skipped == {0, 1}
    assert {row for (row,) in enrich.rows()} == {f"ben-{NOON_US}", f"dora-{NOON_US}"}


async def test_what_was_stored_before_is_not_handed_on_when_it_comes_again(
    enrich: Enrich, fences: Fences
) -> None:
    entry = entry_of(event("a", subject_id="anna"), event("b", subject_id="ben"))
    await enrich.process(entry)
    await fences.add(ANNA, NOON)
    [again] = await enrich.process(entry)
    assert again.repeated
    assert again.skipped == {0}
    assert [sorted(each.skipped) for each in await enrich.forwarded()] == [[], [0]]
    [_, left] = await _handed_on(enrich)
    assert [each.event_id for each in left] == ["", "b"]


async def test_nothing_of_a_late_event_is_handed_on(
    enrich: Enrich, catalogs: Catalogs, fences: Fences
) -> None:
    """Nor of one that ingest knows already, or that no step can handle."""
    catalogs.replace(Snapshot.of(KEEPS_PLAY))
    await fences.add(ANNA, NOON)
    said: dict[str, Any] = {
        "name": "club.joined",
        "session_id": "s-anna",
        "context": {"ip": "8.8.8.0", "user_agent": "anna's", "page_url": "/anna"},
        "properties_json": b'{"note":"of anna"}' + b" " * 1024,
    }
    await enrich.process(
        entry_of(
            event("b1", subject_id="ben"),
            event("late-anna", NOON_US - SECOND_US, subject_id="anna", **said),
            event("again-anna", NOON_US - SECOND_US, subject_id="anna", **said),
            event("odd-anna", NOON_US - SECOND_US, subject_id="anna", producer=99, **said),
            event("by-pseudonym-anna", anonymous_id=ANNA.persons[-1], **said),
            event("again-b2", subject_id="ben"),
            event("kept", subject_id="anna", name="game.ended"),
            skip=b"2,5",
        )
    )
    [entry] = await enrich.forwarded()
    [events] = await _handed_on(enrich)
    assert [each.event_id for each in events] == ["b1", *[""] * 4, "again-b2", "kept"]
    # A law keeps the last one.
    written = b"".join(each.SerializeToString() for each in events[:-1]) + b"".join(
        each.SerializeToString() for each in entry.enrichments
    )
    assert not [each for each in (b"anna", ANNA.persons[-1].encode(), b"US") if each in written]
    assert list(entry.skipped) == [1, 2, 3, 4, 5]
    assert len(entry.enrichment_of_event) == 7


async def _handed_on(enrich: Enrich) -> list[Sequence[Event]]:
    """The events of each entry of the enriched stream."""
    return [
        batch_pb2.EventBatch.FromString(decompress(entry.event_batch)).events
        for entry in await enrich.forwarded()
    ]


async def test_after_a_new_consent_new_events_are_stored_and_old_ones_are_not(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    await fences.add(ANNA, NOON)
    old = enriched(work_batch(event("old", NOON_US - SECOND_US, subject_id="anna")))
    new = enriched(work_batch(event("new", NOON_US + SECOND_US, subject_id="anna")))
    for batch in (old, new):
        batch.received_at_us = NOON_US + 2 * SECOND_US
        batch.rows = store.rows(batch)
    await store.write([old, new])
    assert enrich.rows() == [("new",)]


async def test_an_event_from_the_future_is_of_the_moment_of_its_receipt(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    await fences.add(ANNA, NOON)
    ahead = enriched(work_batch(event("ahead", NOON_US + 60 * SECOND_US, subject_id="anna")))
    ahead.rows = store.rows(ahead)
    await store.write([ahead])
    assert enrich.rows() == []


async def test_a_pseudonym_of_any_epoch_is_behind_the_fence(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    await fences.add(ANNA, NOON)
    under_pseudonym = enriched(work_batch(event("p", anonymous_id=ANNA.persons[0])))
    under_pseudonym.rows = store.rows(under_pseudonym)
    await store.write([under_pseudonym])
    assert enrich.rows() == []


async def test_a_fence_of_an_earlier_epoch_is_found_by_the_id(
    engine: AsyncEngine, fences: Fences
) -> None:
    await fences.add(ANNA, NOON)
    later = Fences(engine, Pseudonymizer(PSEUDONYM_KEY.encode(), epoch=3), Catalogs.of())
    events = [
        event("a", subject_id="anna"),
        event("b", subject_id="ben"),
        # As ingest left it before the epoch was raised.
        event("p", anonymous_id=ANNA.persons[0]),
    ]
    assert await later.find([enriched(work_batch(*events))]) == [{0, 2}]


async def test_another_apps_person_of_the_same_id_is_not(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    await fences.add(ANNA, LATER)
    other = enriched(work_batch(event("o", subject_id="anna"), app_id="shogi"))
    other.rows = store.rows(other)
    await store.write([other])
    assert enrich.rows() == [("o",)]


async def test_an_earlier_fence_changes_nothing(
    enrich: Enrich, store: PostgresEventStore, fences: Fences
) -> None:
    await fences.add(ANNA, LATER)
    await fences.add(ANNA, NOON)
    batch = _batch(store, "anna", at_us=NOON_US + SECOND_US)
    batch.received_at_us = NOON_US + SECOND_US
    await store.write([batch])
    assert enrich.rows() == []


async def test_what_a_law_keeps_passes_also_when_its_catalog_is_gone(
    enrich: Enrich, catalogs: Catalogs, fences: Fences
) -> None:
    catalogs.replace(Snapshot.of(KEEPS_PLAY))
    await fences.add(ANNA, NOON)
    in_flight = entry_of(
        event("kept", subject_id="anna", name="game.ended"),
        event("gone", subject_id="anna", name="club.joined"),
    )
    await enrich.process(in_flight)
    # By the newest catalog that there was of the app.
    catalogs.replace(Snapshot.of())
    late = event("late", NOON_US - SECOND_US, subject_id="anna", name="game.started")
    await enrich.process(entry_of(late))
    assert enrich.rows() == [("kept",), ("late",)]
    # Aggregate counts them, too.
    assert [sorted(each.skipped) for each in await enrich.forwarded()] == [[1], []]
    [again] = await enrich.process(in_flight)
    assert (again.repeated, again.skipped) == (True, {1})


async def test_no_session_is_remembered_of_an_event_that_is_behind_the_fence(
    enrich: Enrich, fences: Fences
) -> None:
    await fences.add(ANNA, NOON)
    late = event("late", subject_id="anna", session_id="s-anna")
    late.context.page_url = "https://chess.example/secret"
    await enrich.process(
        entry_of(
            late,
            event("ben", subject_id="ben", session_id="s-ben"),
            # Of two people of one session, it is the session of the other one.
            event("dora", NOON_US + SECOND_US, subject_id="dora", session_id="s-both"),
            event("both", subject_id="anna", session_id="s-both"),
        )
    )
    [key] = await enrich.client.keys("enrich:{0}:sessions:chess:*")
    assert {
        name: orjson.loads(beginning)
        for name, beginning in (await enrich.client.hgetall(key)).items()
    } == {
        b"s-ben": [NOON_US, "", ""],
        b"s-both": [NOON_US + SECOND_US, "", ""],
    }

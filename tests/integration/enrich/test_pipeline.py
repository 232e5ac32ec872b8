"""A chunk's way through enrich, on real stores: failing events are isolated, and repeating is harmless."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from weir.common.v1 import event_pb2

from libs.catalog import Snapshot
from libs.stores.redis_client import RedisClient
from libs.streams.groups import Entry
from services.enrich import convert
from services.enrich.dead_letter_limit import DeadLetterLimitExceeded
from services.enrich.model import Session, WorkBatch
from services.enrich.redis import RedisEnrichedStream
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.storage.postgres import PostgresEventStore
from tests.integration.enrich.conftest import Enrich
from tests.support.clocks import FixedClock
from tests.support.enrich_batches import NOON_US, entry_of, event
from tests.support.enrich_fakes import REJECTED_BY_POSTGRES
from tests.support.small_catalog import small

MINUTE_US = 60_000_000


async def test_an_event_that_postgres_rejects_is_isolated_and_its_neighbours_are_stored(
    enrich: Enrich,
) -> None:
    events = [event(f"e{n:02}") for n in range(30)]
    for position in (7, 23):
        events[position].properties_json = REJECTED_BY_POSTGRES
    first, bad, last = entry_of(event("a")), entry_of(*events), entry_of(event("z"))
    await enrich.process(first, bad, last)
    stored = ["a", *(f"e{n:02}" for n in range(30) if n not in (7, 23)), "z"]
    assert [row[0] for row in enrich.rows()] == stored
    letters = (await enrich.letters()).values()
    assert {letter.event.event_id for letter in letters} == {"e07", "e23"}
    assert {letter.stage for letter in letters} == {"enrich"}
    assert [list(batch.skipped) for batch in await enrich.forwarded()] == [[], [7, 23], []]
    # A repetition, after a crash before the acknowledgement: the same again.
    await enrich.process(first, bad, last)
    assert len(enrich.rows()) == 30
    assert len(await enrich.letters()) == 2
    assert [list(batch.skipped) for batch in (await enrich.forwarded())[3:]] == [[], [7, 23], []]


async def test_a_batch_that_ingest_appended_twice_is_stored_once(enrich: Enrich) -> None:
    """Redis lost the marks of a batch but not the batch: its repetition was new to ingest."""
    entry = entry_of(event("a"), event("b"))
    await enrich.process(entry)
    await enrich.process(entry)
    assert enrich.rows() == [("a",), ("b",)]
    first, second = await enrich.forwarded()
    # The same: aggregate knows the second by its batch id.
    assert first == second


async def test_a_batch_twice_in_a_chunk_is_still_counted_after_a_crash(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise ConnectionError

    entry = entry_of(event("a"), event("b"))
    with monkeypatch.context() as patch:
        patch.setattr(RedisEnrichedStream, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry, entry)
    assert enrich.rows() == [("a",), ("b",)]
    await enrich.process(entry, entry)
    assert [list(batch.skipped) for batch in await enrich.forwarded()][:1] == [[]]


async def test_of_a_batch_twice_in_a_chunk_the_first_holds(enrich: Enrich) -> None:
    """Ingest's script ran half and then again: the second time it found other ids seen before."""
    first = entry_of(event("a"), event("b"))
    second = Entry(first.stream, b"1-1", {**first.fields, b"skip": b"1"})
    await enrich.process(first, second)
    assert enrich.rows() == [("a",), ("b",)]
    await enrich.process(second, first)
    assert [list(batch.skipped) for batch in await enrich.forwarded()] == [[], [], [], []]


async def test_of_a_batch_that_is_stored_all_its_events_are_handed_on_with_what_was_found(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first copy was not forwarded, and ingest skipped in the second what the first one stored."""

    async def crash(*_: object) -> None:
        raise ConnectionError

    context = {"user_agent": "UnityPlayer/2022.3.10f1"}
    first = entry_of(event("a"), event("b", context=context))
    with monkeypatch.context() as patch:
        patch.setattr(RedisEnrichedStream, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(first)
    await enrich.process(Entry(first.stream, b"1-1", {**first.fields, b"skip": b"1"}))
    [batch] = await enrich.forwarded()
    assert list(batch.skipped) == []
    kinds = [batch.enrichments[place].device_type for place in batch.enrichment_of_event]
    assert kinds == ["", "engine"]


async def test_a_dead_letter_is_written_before_its_batch_counts_as_stored(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash around the commit must not lose the dead letter: a repetition would not find it again."""
    write, writes = PostgresEventStore.write, 0

    async def write_and_crash(store: PostgresEventStore, batches: Sequence[WorkBatch]) -> None:
        nonlocal writes
        await write(store, batches)
        writes += 1
        raise ConnectionError

    entry = entry_of(event("good"), event("bad", properties_json=REJECTED_BY_POSTGRES))
    with monkeypatch.context() as patch:
        patch.setattr(PostgresEventStore, "write", write_and_crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry)
    assert writes == 1
    assert len(enrich.rows()) == 1
    await enrich.process(entry)
    [letter] = (await enrich.letters()).values()
    assert letter.event.event_id == "bad"
    assert [list(batch.skipped) for batch in await enrich.forwarded()] == [[1]]


async def test_a_batch_of_which_all_events_fail_is_not_forwarded_when_it_comes_again(
    enrich: Enrich,
) -> None:
    entry = entry_of(event("bad", properties_json=REJECTED_BY_POSTGRES))
    for _ in range(2):  # a crash before the acknowledgement, and a repetition
        await enrich.process(entry)
        assert enrich.rows() == []
        assert await enrich.forwarded() == []
    assert len(await enrich.letters()) == 1


@pytest.mark.parametrize("copies", [1, 2])
async def test_a_repetition_stores_nothing_and_is_not_counted_as_stored(
    enrich: Enrich, copies: int
) -> None:
    entry = entry_of(event("a"), event("b"), event("bad", producer=99))
    before = counted()
    for _ in range(3):
        await enrich.process(*([entry] * copies))
    assert counted() - before == Counter(stored=2, skipped=2 * (3 * copies - 1), dead_lettered=1)


@pytest.mark.parametrize("end", ["process", "dead_letter"])
async def test_what_is_stored_is_counted_even_if_it_cannot_be_forwarded(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    async def crash(*_: object) -> None:
        raise ConnectionError

    entry = entry_of(event("a"), event("b"))
    before = counted()
    with monkeypatch.context() as patch:
        patch.setattr(RedisEnrichedStream, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry)
    assert counted() - before == Counter(stored=2)
    if end == "process":
        await enrich.process(entry)
    else:
        await enrich.pipeline.dead_letter(convert.work_batch(entry), "it died")
    assert counted() - before == Counter(stored=2, skipped=2)


@pytest.mark.parametrize("failing", [{"producer": 99}, {"properties_json": REJECTED_BY_POSTGRES}])
async def test_too_many_failing_events_do_not_become_dead_letters(
    enrich: Enrich, failing: dict[str, Any]
) -> None:
    events = [event(f"e{n}", **(failing if n % 3 else {})) for n in range(30)]
    with pytest.raises(DeadLetterLimitExceeded):
        await enrich.process(entry_of(*events))
    assert enrich.rows() == []
    assert await enrich.letters() == {}
    assert await enrich.forwarded() == []


async def test_a_few_failing_events_become_dead_letters(enrich: Enrich) -> None:
    await enrich.process(entry_of(*[event(f"e{n}", producer=99) for n in range(19)]))
    assert len(await enrich.letters()) == 19
    assert await enrich.forwarded() == []


async def test_dead_lettering_makes_dead_letters_of_a_whole_batch(enrich: Enrich) -> None:
    batch = convert.work_batch(entry_of(event("a"), event("b")))
    before = counted()
    await enrich.pipeline.dead_letter(batch, "it failed")
    assert {letter.event.event_id for letter in (await enrich.letters()).values()} == {"a", "b"}
    assert enrich.rows() == []
    assert counted() - before == Counter(dead_lettered=2)


def counted() -> Counter[str]:
    """The pipeline's counters."""
    kinds = ("stored", "skipped", "dead_lettered")
    return Counter(
        {
            kind: int(
                REGISTRY.get_sample_value(f"weir_enrich_events_{kind}_total", {"app": "chess"}) or 0
            )
            for kind in kinds
        }
    )


async def test_dead_lettering_only_forwards_a_batch_that_is_stored(
    enrich: Enrich, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between commit and forwarding, again and again: its events are there, uncounted."""

    async def crash(*_: object) -> None:
        raise ConnectionError

    good = event("good", context={"user_agent": "UnityPlayer/2022.3.10f1"})
    entry = entry_of(good, event("bad", properties_json=REJECTED_BY_POSTGRES))
    with monkeypatch.context() as patch:
        patch.setattr(RedisEnrichedStream, "forward", crash)
        with pytest.raises(ConnectionError):
            await enrich.process(entry)
    await enrich.pipeline.dead_letter(convert.work_batch(entry), "it died")
    [batch] = await enrich.forwarded()
    assert list(batch.skipped) == [1]
    # Not counted as something else than it was stored as.
    [(stored,)] = enrich.rows("device_type")
    assert batch.enrichments[batch.enrichment_of_event[0]].device_type == stored != ""
    [letter] = (await enrich.letters()).values()
    assert letter.event.event_id == "bad"


async def test_what_a_user_agent_and_an_address_say_is_stored_and_handed_on(
    enrich: Enrich,
) -> None:
    context = {
        "ip": "2001:12ff::",  # NIC.br, Brazil
        "user_agent": "Mozilla/5.0 (Linux; Android 13; SM-X710 Build/TP1A.220624.014) "
        "AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Safari/537.36",
    }
    await enrich.process(entry_of(event("a", context=context), event("b")))
    found = {
        "country": "BR",
        "device_type": "tablet",
        "os": "Android",
        "os_version": "13",
        "browser": "Samsung Internet",
        "browser_version": "23.0",
        "device_brand": "Samsung",
        "device_model": "SM-X710",
    }
    assert enrich.rows(", ".join(found)) == [tuple(found.values()), (None,) * len(found)]
    [batch] = await enrich.forwarded()
    handed_on = [batch.enrichments[place] for place in batch.enrichment_of_event]
    assert [{field.name: value for field, value in one.ListFields()} for one in handed_on] == [
        found,
        {},
    ]


async def test_an_event_with_u0000_in_its_context_is_stored(enrich: Enrich) -> None:
    """Postgres refuses it in a column of text, and ingest passes it."""
    agent = "Mozilla/5.0 (Linux; Android 13; SM\0X) AppleWebKit/537.36 Chrome/115.0.0.0 Mobile"
    context = {"ip": "8.8.8.0\0", "user_agent": agent}
    await enrich.process(entry_of(event("a", context=context)))
    columns = "country, os, device_model, context ->> 'user_agent'"
    stored = agent.replace("\0", "\ufffd")
    assert enrich.rows(columns) == [(None, "Android", "SM\ufffdX", stored)]
    assert await enrich.letters() == {}


async def test_an_app_can_do_without_steps(enrich: Enrich) -> None:
    context = {"ip": "8.8.8.0", "user_agent": "UnityPlayer/2022.3.10f1"}
    columns = "country, device_type, session_id, session_started_at IS NULL, context ->> 'ip'"
    enrich.catalogs.replace(Snapshot.of(small("enrichment: [user_agent]\n")))
    await enrich.process(entry_of(event("a", session_id="s", context=context)))
    enrich.catalogs.replace(Snapshot.of(small()))
    await enrich.process(entry_of(event("b", session_id="s", context=context)))
    assert enrich.rows(columns) == [
        (None, "engine", "s", True, "8.8.8.0"),
        ("US", "engine", "s", False, "8.8.8.0"),
    ]
    handed_on = [batch.enrichments[0] for batch in await enrich.forwarded()]
    assert [(one.country, one.device_type) for one in handed_on] == [
        ("", "engine"),
        ("US", "engine"),
    ]


async def test_a_session_begins_with_its_earliest_event_over_all_chunks(enrich: Enrich) -> None:
    def seen(event_id: str, minute: int) -> event_pb2.Event:
        return event(
            event_id,
            NOON_US + minute * MINUTE_US,
            session_id="s1",
            context={"page_url": f"/{minute}"},
        )

    await enrich.process(entry_of(seen("e1", 10), seen("e2", 5)))
    await enrich.process(entry_of(seen("e3", 20)))
    await enrich.process(entry_of(seen("e4", 1)), entry_of(seen("e5", 30), event("e6")))
    begun = enrich.rows("event_id, (extract(epoch FROM session_started_at) * 1000000)::bigint")
    minutes = {
        event_id: None if at is None else (at - NOON_US) // MINUTE_US for event_id, at in begun
    }
    # What was stored before an earlier event came keeps what was known then.
    assert minutes == {"e1": 5, "e2": 5, "e3": 5, "e4": 1, "e5": 1, "e6": None}


async def test_a_session_goes_on_into_the_next_window(client: RedisClient) -> None:
    clock = FixedClock.of_us(1_795_176_000_000_000)
    store = RedisSessionStore(client.commands, clock, 3_600)
    first, later = Session(7, "/", "https://example.org/"), Session(9, "", "")
    assert await store.note("chess", 0, {"s": first}) == {}
    clock.now += timedelta(hours=1)
    assert await store.note("chess", 0, {"s": later}) == {"s": first}
    clock.now += timedelta(hours=1)
    # An event in each window keeps it alive; a window without any ends it.
    assert await store.note("chess", 0, {"s": later}, remember=False) == {"s": first}
    clock.now += timedelta(hours=1)
    assert await store.note("chess", 0, {"s": later}) == {}

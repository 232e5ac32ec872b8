"""Erasing a person from the quarantine of enrich: what goes, what is left, and what is counted."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalog, Catalogs
from libs.common.clock import EPOCH, SystemClock
from libs.common.subject_data import Erasure, SubjectRef
from libs.stores.erasure_journal import ErasureJournal
from libs.stores.redis_client import RedisClient
from libs.streams.compression import compress
from libs.streams.entries import Fields, raw_batch
from libs.streams.groups import Entry
from libs.streams.quarantine_erasure import QuarantineErasure, Without
from libs.streams.quarantine_expiry import QuarantineRetention, expire_quarantine
from libs.streams.quarantined_batches import UNREADABLE, Remainder, raw_without
from services.enrich import convert
from services.enrich.anonymization.anonymize import keyed_event_uuid
from services.enrich.model import WorkBatch
from services.enrich.settings import EnrichSettings
from tests.integration.enrich.conftest import Enrich
from tests.integration.enrich.test_erasing import ANNA, CATALOG
from tests.support.enrich_batches import NOON, NOON_US, entry_of, event
from tests.support.pseudonyms import PSEUDONYMS, keyed_event_id

QUARANTINE = "enrich:{0}:quarantine"


class Quarantined:
    """Erases from quarantine as the service does, each part in a transaction of its own."""

    def __init__(
        self, client: RedisClient, engine: AsyncEngine, without: Without = raw_without
    ) -> None:
        self._quarantine = QuarantineErasure(client, Catalogs.of(CATALOG), "enrich", 1, without)
        self._engine = engine
        self.reason = ""
        self._journal = ErasureJournal("enrich")

    async def part(self, erasure: Erasure, *, dies: bool = False) -> tuple[bool, tuple[int, ...]]:
        """Whether all is done, and what was: erased, anonymized and withheld. If it `dies`, before the
        commit."""
        async with self._engine.connect() as connection:
            entry = await self._journal.open(connection, erasure.request_id)
            done = await self._quarantine.erase(erasure, entry)
            await self._journal.save(connection, entry)
            if not dies:
                await connection.commit()
        [counts] = entry.counts()
        assert counts.store == "enrich.quarantine"
        assert bool(counts.withheld) == bool(counts.withheld_because)
        self.reason = counts.withheld_because
        return done, (counts.erased, counts.anonymized, counts.withheld)

    async def all(self, erasure: Erasure) -> tuple[int, ...]:
        """What was done in the end."""
        done = False
        while not done:
            done, counts = await self.part(erasure)
        return counts


@pytest.fixture
def quarantined(client: RedisClient, engine: AsyncEngine) -> Quarantined:
    return Quarantined(client, engine)


def _erasure() -> Erasure:
    return Erasure(ANNA, uuid.uuid4(), NOON)


async def test_quarantined_batches_lose_the_person_and_keep_the_others(
    client: RedisClient, quarantined: Quarantined
) -> None:
    """Of 20 entries, more than are read at a time."""
    named = event("b2", subject_id="ben", properties_json=b'{"rival":"anna","moves":7}')
    later = event("a3", NOON_US + 1, subject_id="anna")
    mixed = entry_of(
        event("b1", subject_id="ben"),
        event("a1", subject_id="anna", properties_json=b'{"note":"of-anna"}'),
        named,
        event("a2", anonymous_id=ANNA.persons[-1]),
        event("b3", subject_id="ben"),
        later,
        skip=b"1,4",
    )
    # Its batch was received as late as her event occurred.
    mixed_batch = raw_batch(mixed.fields)
    mixed_batch.received_at_us = NOON_US + 1
    payload = compress(mixed_batch.SerializeToString())
    came = [await _quarantine(client, {**mixed.fields, b"batch": payload})]
    for number in range(18):
        app_id = "shogi" if number % 2 else "chess"
        own = entry_of(event(f"a{10 + number}", subject_id="anna"), app_id=app_id)
        came.append(await _quarantine(client, own.fields))
    other = entry_of(event("b4", subject_id="annabel"))
    came.append(await _quarantine(client, other.fields))

    # Two of the mixed batch, and nine of her own app's.
    assert await quarantined.all(_erasure()) == (11, 1, 0)
    found = await _entries(client)
    batches = [raw_batch(fields) for _, fields in found]
    assert [(one.app_id, [each.event_id for each in one.events]) for one in batches] == [
        *(("shogi", [f"a{10 + number}"]) for number in range(1, 18, 2)),
        ("chess", ["b4"]),
        ("chess", ["b1", "b2", "b3", "a3"]),
    ]
    fields = found[-1][1]
    assert batches[-1].events[1].properties_json == b'{"moves":7}'
    assert batches[-1].batch_id == mixed_batch.batch_id
    # Of the two that enrich must not store, the one that is left.
    assert work_batch_of(fields).skipped == {2}
    # Its time in quarantine goes on, although the entry is new.
    assert fields[b"since"] == came[0].split(b"-")[0]
    assert found[-1][0] not in came


async def test_what_died_behind_redis_and_before_postgres_is_counted(
    client: RedisClient, quarantined: Quarantined
) -> None:
    await _quarantine(client, entry_of(event("a1", subject_id="anna")).fields)
    await _quarantine(
        client, entry_of(event("a2", subject_id="anna"), event("b1", subject_id="ben")).fields
    )
    erasure = _erasure()
    assert await quarantined.part(erasure) == (False, (0, 0, 0))
    await quarantined.part(erasure, dies=True)
    [(_, fields)] = await _entries(client)
    assert [each.event_id for each in raw_batch(fields).events] == ["b1"]
    assert await quarantined.all(erasure) == (2, 0, 0)


async def test_what_cannot_be_read_goes_if_the_id_stands_in_it_and_is_named_if_not(
    client: RedisClient, quarantined: Quarantined
) -> None:
    person = SubjectRef("chess", "anna-4711-4711", ("ab" * 16,))
    for text in (b"\xff of anna-4711-4711", b"\xff" + b"ab" * 16, b"\xff of others"):
        # Of the second, the id can only be seen when it is decompressed.
        await _quarantine(client, {b"batch": compress(text + b" " * 1024)})
    assert await quarantined.all(Erasure(person, uuid.uuid4(), NOON)) == (2, 0, 1)
    assert await client.xlen(QUARANTINE) == 1


async def test_a_law_keeps_the_persons_events_and_no_mention_in_those_of_others(
    client: RedisClient, quarantined: Quarantined
) -> None:
    kept = partial(event, name="game.kept")
    await _quarantine(
        client,
        entry_of(
            kept("a1", subject_id="anna"),
            event("a2", subject_id="anna"),
            kept("b1", subject_id="ben", properties_json=b'{"rival":"anna","moves":7}'),
        ).fields,
    )
    await _quarantine(client, entry_of(kept("a3", subject_id="anna")).fields)
    erasure = Erasure(ANNA, uuid.uuid4(), NOON, withheld={"game.kept": "a law", "other": "no one"})
    # Both of hers count once, also the one whose entry was replaced.
    assert await quarantined.all(erasure) == (1, 1, 2)
    assert quarantined.reason == "a law"
    left = {
        each.event_id: each.properties_json
        for _, fields in await _entries(client)
        for each in raw_batch(fields).events
    }
    assert sorted(left) == ["a1", "a3", "b1"]
    assert left["b1"] == b'{"moves":7}'


async def test_no_odd_event_holds_up_an_erasure_or_keeps_a_long_id_unseen(
    client: RedisClient, quarantined: Quarantined
) -> None:
    """Properties that are no JSON, no object, or nested deeper than any of the readers goes."""
    person = SubjectRef("chess", "änna-4711-4711", ("ab" * 16,))
    events = [event("own", subject_id="änna-4711-4711")]
    for number, form in enumerate((b"{%b", b"[%b]", _deep(200), _deep(600), _deep(100_000))):
        for name, value in (
            ("long", "änna-4711-4711".encode()),
            ("escaped", rb"\u00e4nna-4711-4711"),
            ("another's", b"ben-4711-4711"),
        ):
            text = form.replace(b"%b", b'"' + value + b'"')
            events.append(event(f"{name} {number}", subject_id="ben", properties_json=text))
    await _quarantine(client, entry_of(*events).fields)
    erased, anonymized, withheld = await quarantined.all(Erasure(person, uuid.uuid4(), NOON))
    # All but the 200 levels, which can be read.
    assert (erased, anonymized, withheld) == (1, 10, 4)
    assert quarantined.reason == UNREADABLE
    [(_, fields)] = await _entries(client)
    left = {each.event_id: each.properties_json for each in raw_batch(fields).events}
    assert len(left) == 15
    assert not [each for each in left.values() if b"nna-4711" in each]
    assert sum(b"ben-4711" in each for each in left.values()) == 5


async def test_any_failure_counts_as_unreadable_and_others_are_served_between_entries(
    client: RedisClient, engine: AsyncEngine
) -> None:
    turns, seen = 0, list[int]()

    async def serve_others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def fails(fields: Fields, erasure: Erasure, catalog: Catalog | None) -> Remainder | None:
        seen.append(turns)
        raise ZeroDivisionError

    for number in range(16):
        await _quarantine(client, entry_of(event(f"b{number}", subject_id="ben")).fields)
    others = asyncio.create_task(serve_others())
    assert await Quarantined(client, engine, fails).all(_erasure()) == (0, 0, 16)
    others.cancel()
    assert len(set(seen)) == 16


async def test_what_was_left_of_an_entry_expires_when_the_entry_would_have(
    client: RedisClient, quarantined: Quarantined
) -> None:
    settings = EnrichSettings()
    long_ago = "1000-0"
    batch = entry_of(event("a1", subject_id="anna"), event("b1", subject_id="ben"))
    await _quarantine(client, batch.fields, long_ago)
    await quarantined.all(_erasure())
    [(entry_id, _)] = await _entries(client)
    assert entry_id != long_ago.encode()
    retention = QuarantineRetention(client, "enrich", settings, SystemClock())
    [overdue] = await retention.list_overdue()
    assert (overdue.rows, overdue.oldest) == (1, EPOCH + timedelta(seconds=1))
    assert await expire_quarantine(client, "enrich", settings, datetime.now(UTC)) == {"removed": 1}
    assert await retention.list_overdue() == []


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"%b" + b"}" * levels


async def _entries(client: RedisClient) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return cast(list[tuple[bytes, dict[bytes, bytes]]], await client.xrange(QUARANTINE))


async def _quarantine(
    client: RedisClient, fields: Mapping[bytes, bytes], entry_id: str = "*"
) -> bytes:
    """Adds an entry as a reader does that cannot handle it; its id."""
    untyped: dict[Any, Any] = {**fields, b"stream": b"ingest:{0}:raw", b"entry": b"1-0"}
    return cast(bytes, await client.xadd(QUARANTINE, untyped, id=entry_id))


def work_batch_of(fields: Mapping[bytes, bytes]) -> WorkBatch:
    return convert.work_batch(Entry(b"ingest:{0}:raw", b"1-0", fields))


def test_what_is_around_the_properties_is_without_the_person() -> None:
    person_id, pseudonym = "teacher-4711-of-the-school", "d" * 32
    named = event(f"lesson-{person_id}", subject_id="ben", session_id=f"s-{person_id}")
    named.group_id = named.request_id = named.context.teacher_id = person_id
    named.context.page_url = f"https://school.example/{person_id}/lessons"
    named.context.extra.update({"coach": person_id, "room": 12})
    named.entity.type, named.entity.id = "classroom", f"{person_id}/7b"
    named.attribution.campaign = person_id
    teacher = SubjectRef("chess", person_id, (pseudonym,))
    found = raw_without(entry_of(named).fields, Erasure(teacher, uuid.uuid4(), NOON), CATALOG)
    assert found is not None
    assert found.fields is not None
    assert (found.erased, found.anonymized) == (0, 1)
    [left] = raw_batch(found.fields).events
    assert person_id.encode() not in left.SerializeToString()
    assert (left.subject_id, left.session_id, left.group_id) == ("ben", f"s-{pseudonym}", pseudonym)
    assert left.context.page_url == "https://school.example/[person]/lessons"
    assert (left.entity.type, left.entity.id) == ("classroom", f"{pseudonym}/7b")
    assert dict(left.context.extra) == {"room": 12}


async def test_an_event_that_has_come_again_is_stored_once_when_it_is_put_back(
    client: RedisClient, engine: AsyncEngine, enrich: Enrich
) -> None:
    """Ingest has taken the person out of what came later, and made its id of the first one's."""
    person_id = "teacher-4711-of-the-school"
    teacher = SubjectRef("chess", person_id, (PSEUDONYMS.pseudonym("chess", person_id),))
    again = keyed_event_id(PSEUDONYMS, "chess", f"lesson-{person_id}")
    await enrich.process(entry_of(event(again, subject_id="ben")))
    lesson = entry_of(event(f"lesson-{person_id}", subject_id="ben"))
    await _quarantine(client, lesson.fields)
    without = partial(raw_without, new_id=partial(keyed_event_uuid, PSEUDONYMS))
    erasure = Erasure(teacher, uuid.uuid4(), NOON)
    assert await Quarantined(client, engine, without).all(erasure) == (0, 1, 0)
    [(_, left)] = await _entries(client)
    await enrich.process(Entry(b"ingest:{0}:raw", b"2-0", left))
    assert enrich.rows("event_uuid, event_id") == [(uuid.UUID(again), None)]

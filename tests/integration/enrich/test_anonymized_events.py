"""Stored events lose their person on the day on which they are as old as their category says."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs, compile_catalog
from libs.common.pseudonym import Pseudonymizer, session_of
from libs.common.subject_data import SubjectRef
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.redis_client import RedisClient
from libs.streams.compression import decompress
from services.enrich.anonymization.anonymize import anonymized
from services.enrich.anonymization.late import LateAnonymizer
from services.enrich.anonymization.postgres import PostgresNamedEvents
from services.enrich.convert import work_batch
from services.enrich.dead_letter_limit import DeadLetterLimit
from services.enrich.erasure.fences import Fences
from services.enrich.pipeline import EnrichPipeline
from services.enrich.redis import RedisEnrichedStream
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.steps.country import country_lookup
from services.enrich.steps.registry import all_steps
from services.enrich.storage.postgres import PostgresEventStore
from tests.integration.enrich.conftest import Enrich
from tests.support.anonymizing import (
    ARCHIVED_CHESS,
    CATALOG,
    CHESS,
    FIRST_NAMED,
    NOW,
    anonymization,
)
from tests.support.clocks import FixedClock
from tests.support.enrich_batches import entry_of, event
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.repository import REPOSITORY

TICK = timedelta(microseconds=1)
ANN = PSEUDONYMS.pseudonym("chess", "ann")
VISITOR = "0123456789abcdef" * 2
# Of more than 64 bits; a double would end in zeros.
MOVES = 12_345_678_901_234_567_890_123_451
STORED = """
SELECT event_uuid, event_id, subject_id, anonymous_id, person, session_id, group_id, entity_type, entity_id,
    request_id, context, attribution, properties, name, occurred_at
FROM enrich.events ORDER BY occurred_at, event_id
"""


def at(moment: datetime, event_id: str, **fields: Any) -> event_pb2.Event:
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // TICK
    return event(event_id, microseconds, **fields)


def named(moment: datetime, event_id: str = "e1") -> event_pb2.Event:
    """An event that names Ann wherever it can."""
    found = at(
        moment,
        event_id,
        subject_id="ann",
        session_id="s1",
        group_id="ann",
        request_id="r-ann-1",
        entity=event_pb2.Entity(type="user", id="bob"),
        context=event_pb2.Context(platform="web", class_id="ann"),
        attribution=event_pb2.Attribution(source="ann", medium="mail"),
        properties_json=json.dumps(
            {
                "phone": "+49",
                "moves": MOVES,
                "winner": "ann",
                "player": "ann",
                "all": ["ann", "eve"],
            }
        ).encode(),
    )
    found.context.extra.update({"player": "ann", "theme": "dark"})
    return found


ANONYMOUS = {
    "subject_id": None,
    "anonymous_id": ANN,
    "person": uuid.UUID(ANN),
    "session_id": PSEUDONYMS.pseudonym("chess", "session\x00s1"),
    "group_id": ANN,
    "request_id": None,
    "entity_type": "user",
    "entity_id": PSEUDONYMS.pseudonym("chess", "bob"),
    "context": {"platform": "web", "extra": {"theme": "dark"}},
    "attribution": {"medium": "mail"},
    "properties": {"moves": MOVES, "all": ["eve"]},
}


def stored(database_url: str) -> list[dict[str, Any]]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute(STORED.encode()).fetchall()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


def pipeline(
    client: RedisClient,
    store: PostgresEventStore,
    clock: FixedClock,
    catalogs: Catalogs,
    pseudonymizer: Pseudonymizer = PSEUDONYMS,
) -> EnrichPipeline:
    """A pipeline that knows the catalogs."""
    return EnrichPipeline(
        catalogs,
        all_steps(country_lookup(None), RedisSessionStore(client.commands, clock, 3_600)),
        store,
        RedisEnrichedStream(client, shards=1),
        DeadLetterLimit(0.5, 20),
        LateAnonymizer(catalogs, pseudonymizer, clock),
    )


@pytest.fixture
def late(client: RedisClient, store: PostgresEventStore, clock: FixedClock) -> EnrichPipeline:
    return pipeline(client, store, clock, CHESS)


async def test_on_its_day_an_event_loses_its_person_and_keeps_the_pseudonym(
    enrich: Enrich, engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    """UC043: no identity, `anonymous_id` set, everything else as it was."""
    visit = at(FIRST_NAMED - 3 * TICK, "v", session_id="s2", anonymous_id=VISITOR)
    no_person = at(FIRST_NAMED - 4 * TICK, "n", session_id="s3", properties_json=b'{"phone":"1"}')
    login = at(FIRST_NAMED - 5 * TICK, "l", name="login", subject_id="ann", session_id="s1")
    await enrich.process(
        entry_of(
            *(named(FIRST_NAMED - TICK, "ann-1"), named(FIRST_NAMED, "e2"), visit, no_person, login)
        )
    )
    before = stored(database_url)
    assert await anonymization(engine, clock).anonymize() == {"anonymized": 3}
    kept_login, no_one, visitor, first, second = stored(database_url)
    assert (kept_login, second) == (before[0], before[4])
    assert first == {**before[3], **ANONYMOUS, "event_id": None, "event_uuid": first["event_uuid"]}
    assert first["event_uuid"] != before[3]["event_uuid"]
    assert visitor == {
        **before[2],
        "session_id": PSEUDONYMS.pseudonym("chess", "session\x00s2"),
    }
    assert no_one == {**before[1], "session_id": None, "properties": {}}
    # Numbers know the same people and sessions.
    for old, new in ((before[3], first), (before[2], visitor)):
        assert old["person"] == new["person"]
        ids = ("subject_id", "anonymous_id", "session_id")
        sessions = [session_of(PSEUDONYMS, "chess", *(row[i] for i in ids)) for row in (old, new)]
        assert sessions[0] == sessions[1]
    job = anonymization(engine, clock)
    assert (await job.anonymize(), await job.overdue()) == ({"anonymized": 0}, [])
    # The next day it is the turn of the second.
    clock.now += timedelta(days=1)
    [found] = await job.overdue()
    assert (found.events, found.oldest) == (1, FIRST_NAMED)
    assert await job.anonymize() == {"anonymized": 1}


async def test_what_arrives_when_it_is_due_is_stored_without_its_person(
    late: EnrichPipeline, enrich: Enrich, engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    enrich.pipeline = late
    await enrich.process(entry_of(named(FIRST_NAMED - TICK, "ann-1"), named(FIRST_NAMED, "e2")))
    first, second = stored(database_url)
    assert first == {**first, **ANONYMOUS, "event_id": None}
    assert (second["event_id"], second["subject_id"]) == ("e2", "ann")
    # Counting still gets it as it came: it counts people by pseudonyms.
    [forwarded] = await enrich.forwarded()
    assert forwarded.skipped == []
    assert await anonymization(engine, clock).anonymize() == {"anonymized": 0}
    # The same event again, in another batch, is known by the id that it was given.
    await enrich.process(entry_of(named(FIRST_NAMED - TICK, "ann-1")))
    assert len(stored(database_url)) == 2


async def test_what_leaves_for_the_archive_early_leaves_without_its_person(
    client: RedisClient,
    store: PostgresEventStore,
    enrich: Enrich,
    engine: AsyncEngine,
    database_url: str,
    clock: FixedClock,
) -> None:
    """Two are kept for seven days only, as their sender wished, and the people of the app for thirty: on 21
    November, what occurred before the 14th goes into the archive, which keeps it for years."""
    fourteenth = datetime(2026, 11, 14, tzinfo=UTC)
    leaving, staying, longer = (
        named(moment, event_id)
        for moment, event_id in (
            (fourteenth - TICK, "leaving"),
            (fourteenth, "staying"),
            (fourteenth - 2 * TICK, "longer"),
        )
    )
    leaving.retention_days = staying.retention_days = 7
    longer.retention_days = 365
    await enrich.process(entry_of(leaving, staying, longer))
    # Without an archive they go as they are.
    assert await anonymization(engine, clock).anonymize() == {"anonymized": 0}
    job = anonymization(engine, clock, catalogs=ARCHIVED_CHESS)
    [found] = await job.overdue()
    assert (found.events, found.oldest, found.due.classes) == (1, fourteenth - TICK, ("7d",))
    assert await job.anonymize() == {"anonymized": 1}
    assert [row["subject_id"] for row in stored(database_url)] == ["ann", None, "ann"]
    # What comes later for such a day is stored without its person at once.
    enrich.pipeline = pipeline(client, store, clock, ARCHIVED_CHESS)
    too_late = named(fourteenth - 3 * TICK, "too late")
    too_late.retention_days = 7
    await enrich.process(entry_of(too_late))
    assert [row["subject_id"] for row in stored(database_url)] == [None, "ann", None, "ann"]
    assert await job.overdue() == []


async def test_who_leaves_for_the_archive_by_a_stricter_privacy_level_is_anonymized_before(
    enrich: Enrich, engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    """The catalog said nothing of levels when these events were stored."""
    fourteenth = datetime(2026, 11, 14, tzinfo=UTC)
    leaving, staying, standard = (
        named(moment, event_id)
        for moment, event_id in (
            (fourteenth - TICK, "leaving"),
            (fourteenth, "staying"),
            (fourteenth - 2 * TICK, "standard"),
        )
    )
    leaving.privacy_level = staying.privacy_level = event_pb2.PRIVACY_LEVEL_SENSITIVE
    await enrich.process(entry_of(leaving, staying, standard))
    levels = "archive: true\nprivacy_levels: {sensitive: 7d}\n"
    stricter = Catalogs.of(compile_catalog(CATALOG + levels, "chess.yaml"))
    job = anonymization(engine, clock, catalogs=stricter)
    [found] = await job.overdue()
    assert (found.events, found.oldest, found.due.level) == (1, fourteenth - TICK, "sensitive")
    assert await job.anonymize() == {"anonymized": 1}
    assert [row["subject_id"] for row in stored(database_url)] == ["ann", None, "ann"]
    assert await job.overdue() == []


async def test_what_is_changed_meanwhile_is_read_again(
    enrich: Enrich, engine: AsyncEngine, database_url: str, clock: FixedClock
) -> None:
    """By a correction, or by the erasure of another person whom the event named."""
    await enrich.process(entry_of(*(named(FIRST_NAMED - n * TICK, f"e{n}") for n in (1, 2))))
    [due, *_] = [found.due for found in await anonymization(engine, clock).overdue()]
    events = PostgresNamedEvents(engine)
    read = await events.some(due)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            """UPDATE enrich.events SET properties = properties || '{"moves": 4, "all": []}'
            WHERE event_id = 'e2'"""
        )
    changes = [(row, anonymized(PSEUDONYMS, due, row.fields)) for row in read]
    assert await events.replace(due.app_id, changes) == 1
    assert await anonymization(engine, clock).anonymize() == {"anonymized": 1}
    rows = stored(database_url)
    assert [row["properties"]["moves"] for row in rows] == [4, MOVES]
    assert [row["subject_id"] for row in rows] == [None, None]


async def test_a_long_id_goes_from_inside_other_ids_and_texts_as_at_ingest(
    enrich: Enrich, engine: AsyncEngine, late: EnrichPipeline, clock: FixedClock
) -> None:
    person_id = "player-4711-of-the-club"
    pseudonym = PSEUDONYMS.pseudonym("chess", person_id)
    composed = {
        "subject_id": person_id,
        "group_id": f"team-of-{person_id}",
        "entity": event_pb2.Entity(type="board", id=f"{person_id}/1"),
        "attribution": event_pb2.Attribution(campaign=f"asked-by-{person_id}", medium="mail"),
    }
    await enrich.process(entry_of(at(FIRST_NAMED - TICK, "in-time", **composed)))
    await anonymization(engine, clock).anonymize()
    await late.process([work_batch(entry_of(at(FIRST_NAMED - TICK, "late", **composed)))])
    assert enrich.rows("event_id, group_id, entity_id, attribution") == [
        (
            *(event_id, f"team-of-{pseudonym}", f"{pseudonym}/1"),
            {"campaign": "asked-by-[person]", "medium": "mail"},
        )
        for event_id in ("in-time", "late")
    ]


async def test_of_an_erased_person_it_is_not_stored_in_a_later_epoch_either(
    enrich: Enrich,
    engine: AsyncEngine,
    role_url: Callable[[str], str],
    clock: FixedClock,
) -> None:
    """The fence is found by the id, which the event loses before it is stored."""
    later = Pseudonymizer(PSEUDONYM_KEY.encode(), epoch=2)
    connector = PostgresConnector(role_url("weir_enrich"), service="enrich")
    store = PostgresEventStore(engine, connector, later, CHESS)
    await Fences(engine, PSEUDONYMS, CHESS).add(SubjectRef("chess", "ann", (ANN,)), NOW)
    bens = at(FIRST_NAMED - TICK, "b", name="game.ended", subject_id="ben")
    entry = entry_of(named(FIRST_NAMED - TICK, "ann-1"), bens)
    late = pipeline(enrich.client, store, clock, CHESS, later)
    # It comes again, too: enrich may be killed before it has acknowledged a batch.
    for _ in range(2):
        await late.process([work_batch(entry)])
    store.close()
    assert enrich.rows() == [("b",)]
    for forwarded in await enrich.forwarded():
        handed_on = batch_pb2.EventBatch.FromString(decompress(forwarded.event_batch))
        assert [each.event_id for each in handed_on.events] == ["", "b"]
        # Readers look at none of these: they know no event without a name.
        assert list(forwarded.skipped) == [0]


async def test_killed_in_the_middle_it_goes_on(
    enrich: Enrich,
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    clock: FixedClock,
) -> None:
    events = [named(FIRST_NAMED - number * TICK, f"e{number}") for number in range(1, 8)]
    await enrich.process(entry_of(*events))
    command = [sys.executable, "-m", "tests.integration.enrich.dying_anonymization"]
    died = await asyncio.to_thread(
        subprocess.run, [*command, role_url("weir_enrich")], cwd=REPOSITORY, check=False
    )
    assert died.returncode == -9
    assert sum(row["subject_id"] is None for row in stored(database_url)) == 2
    # Two replicas at once.
    await asyncio.gather(*(anonymization(engine, clock).anonymize() for _ in range(2)))
    rows = stored(database_url)
    assert len(rows) == 7
    assert all(row == {**row, **ANONYMOUS} for row in rows)

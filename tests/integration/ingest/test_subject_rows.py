"""The dead letters about one person."""

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalogs
from libs.common.subject_data import Erasure
from libs.stores.postgres import create_engine
from libs.stores.redis_client import create_redis
from libs.streams.quarantine_erasure import QuarantineErasure
from services.ingest.dead_letters.listing import postgres as listing
from services.ingest.dead_letters.selection import LetterSelection, parameters_of
from services.ingest.erasure import data
from services.ingest.erasure.convert import letters_without
from services.ingest.erasure.data import IngestSubjectData
from services.ingest.replay import postgres as replays
from services.ingest.subject_rows.postgres import SubjectRows
from tests.support.subject_rows import EPOCHS, UNTIL, collected, export_of

INSERT = """
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, subject_id, event)
VALUES (%s, %s, %s, 'ingest', 'FIELD_INVALID', 'score', 'is no number', %s, 'e', %s, %s)
"""
BEFORE = UNTIL - timedelta(seconds=1)


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_ingest"), service="ingest")
    yield engine
    await engine.dispose()


def keep(
    database_url: str, *events: Event | bytes, app_id: str = "arena", at: datetime = BEFORE
) -> None:
    with psycopg.connect(database_url) as connection:
        for event in events:
            data = event if isinstance(event, bytes) else event.SerializeToString()
            parsed = Event() if isinstance(event, bytes) else event
            subject = parsed.subject_id or None
            connection.execute(INSERT, [uuid4(), at, app_id, parsed.event_id, subject, data])


def nested(
    event_id: str, content: dict[str, Any], *, subject_id: str = "", name: str = ""
) -> Event:
    event = Event(event_id=event_id, subject_id=subject_id, name=name)
    event.properties.update(content)
    return event


def dated(event_id: str, occurred_at: datetime) -> Event:
    event = Event(event_id=event_id, subject_id="ann")
    event.occurred_at.FromDatetime(occurred_at)
    return event


async def found_ids(engine: AsyncEngine, subject_id: str) -> list[str]:
    found = await collected(SubjectRows(engine, Catalogs.of()).read(export_of("arena", subject_id)))
    return sorted(letter["event"]["event_id"] for letter in found["dead_letters"])


async def erased_ids(
    engine: AsyncEngine, database_url: str, subject_id: str, **laws: str
) -> list[str]:
    """The ids of the events whose letters an erasure removes, unless a law keeps their name."""
    statement = "SELECT event_id FROM ingest.dead_letters"
    with psycopg.connect(database_url, autocommit=True) as connection:
        before = Counter(row[0] for row in connection.execute(statement))
        subject = export_of("arena", subject_id).subject
        # Redis is asked for the moment of a fence only.
        redis = create_redis("redis://unused")
        no_shards = QuarantineErasure(redis, Catalogs.of(), "ingest", 0, letters_without)
        stored = IngestSubjectData(
            Catalogs.of(), engine, redis, (), SubjectRows(engine, Catalogs.of()), no_shards
        )
        progress = await stored.erase(
            Erasure(subject, uuid4(), UNTIL - timedelta(microseconds=1), withheld=laws)
        )
        assert progress.done
        gone = before - Counter(row[0] for row in connection.execute(statement))
    assert {store.store: store.erased for store in progress.stores} == {
        "ingest.dead_letters": gone.total(),
        "ingest.quarantine": 0,
    }
    [kept] = [store for store in progress.stores if store.store == "ingest.dead_letters"]
    assert (kept.withheld, kept.withheld_because) == ((1, "a law") if laws else (0, ""))
    return sorted(gone.elements())


async def test_letters_are_found_by_whom_they_are_about_and_by_ids_nested_in_them(
    engine: AsyncEngine, database_url: str
) -> None:
    keep(
        database_url,
        Event(event_id="named", subject_id="ann"),
        Event(event_id="anonymous", anonymous_id=EPOCHS.all_epochs("arena", "ann")[1]),
        nested("a value", {"deep": [{"user": "ann"}]}),
        nested("a key", {"scores": {"ann": 5}}),
        Event(event_id="json", properties_json=b'{"by": ["ann"]}'),
        Event(event_id="no json", properties_json=b'{"by": "ann'),
        nested("a part of a text", {"text": "annual"}),
        nested("another's", {"friend": "ann"}, subject_id="bob"),
        Event(event_id="of no person", group_id="g"),
        b"\xff no event",
    )
    keep(database_url, Event(event_id="another app's", subject_id="ann"), app_id="chess")
    # Of events that occurred before the fence, and behind it.
    keep(database_url, dated("late", BEFORE), dated("later", UNTIL), at=UNTIL)
    keep(database_url, dated("ahead", UNTIL))
    # A value of so few characters may be someone else's.
    assert await found_ids(engine, "ann") == ["ahead", "anonymous", "named"]
    # An erasure removes what only names the person as well.
    assert await erased_ids(engine, database_url, "ann") == sorted(
        ["a key", "a value", "ahead", "another's", "anonymous", "json", "late", "named"]
    )


async def test_a_long_id_is_found_in_texts_and_however_json_is_written(
    engine: AsyncEngine, database_url: str
) -> None:
    ann = 'änn "of" arena'
    as_ascii, as_utf8 = (
        json.dumps({"by": [ann]}, ensure_ascii=way).encode() for way in (True, False)
    )
    keep(
        database_url,
        nested("a text", {"url": f"/u/{ann}?tab=1"}),
        nested("a part of a key", {f"of {ann}": 5}),
        Event(event_id="ascii", properties_json=as_ascii),
        Event(event_id="utf-8", properties_json=as_utf8),
        Event(event_id="no json", properties_json=f"{{'by': '{ann}".encode()),
        Event(event_id="another's", subject_id="bob", properties_json=as_ascii),
        # The name of a field of all events is no one's id.
        Event(event_id="of no person", group_id="g"),
        b"\xff" + ann.encode(),
    )
    about = ["a part of a key", "a text", "ascii", "no json", "utf-8"]
    assert await found_ids(engine, ann) == about
    # And what is no event at all, which has no id.
    assert await erased_ids(engine, database_url, ann) == sorted(["", *about, "another's"])
    assert await erased_ids(engine, database_url, "group_id") == []


async def test_an_id_that_is_a_number_is_found_as_one(
    engine: AsyncEngine, database_url: str
) -> None:
    keep(
        database_url,
        nested("a number of a struct", {"user": 471147114711}),
        Event(event_id="a number in JSON", properties_json=b'{"user": 471147114711}'),
        nested("another number", {"user": 4711471147110}),
    )
    assert await found_ids(engine, "471147114711") == ["a number in JSON", "a number of a struct"]


async def test_what_json_cannot_express_holds_up_neither_exports_nor_erasures(
    engine: AsyncEngine, database_url: str
) -> None:
    late = Event(event_id="late", subject_id="ann")
    late.occurred_at.seconds = 10**15
    extra = Event(event_id="extra", subject_id="ann")
    extra.context.extra.update({"share": math.inf})
    deep = b'{"a":' * 900 + b'"ann"' + b"}" * 900
    keep(
        database_url,
        late,
        extra,
        nested("share", {"shares": [math.nan], "by": "ann"}),
        Event(event_id="deep", properties_json=deep),
        Event(event_id="own deep", subject_id="ann", properties_json=deep),
    )
    assert await found_ids(engine, "ann") == ["extra", "late", "own deep"]
    assert await erased_ids(engine, database_url, "ann") == [
        "deep",
        "extra",
        "late",
        "own deep",
        "share",
    ]


async def test_letters_that_a_law_keeps_are_counted_with_the_reason(
    engine: AsyncEngine, database_url: str
) -> None:
    keep(
        database_url,
        Event(event_id="kept", subject_id="ann"),
        Event(event_id="another's", subject_id="bob"),
    )
    assert await erased_ids(engine, database_url, "ann", e="a law") == []


async def test_a_letter_reads_as_it_was_sent_and_why_it_was_rejected(
    engine: AsyncEngine, database_url: str
) -> None:
    event = nested("e1", {"score": "many", "n": 3}, subject_id="ann", name="game.ended")
    keep(database_url, event)
    found = await collected(SubjectRows(engine, Catalogs.of()).read(export_of("arena", "ann")))
    [letter] = found["dead_letters"]
    letter.pop("dead_letter_id")
    assert letter == {
        "received_at": "2026-11-22T11:59:59+00:00",
        "stage": "ingest",
        "reason": "FIELD_INVALID",
        "field": "score",
        "message": "is no number",
        "event": {
            "event_id": "e1",
            "name": "game.ended",
            "subject_id": "ann",
            "properties": {"score": "many", "n": 3},
        },
    }


@pytest.mark.parametrize(
    ("statement", "values", "part"),
    [
        (
            listing._PAGE,
            {**parameters_of(LetterSelection("arena")), "max_bytes": 1_000_000},
            "CTE page",
        ),
        (
            data._CANDIDATES,
            {"app_id": "arena", "fenced_at": UNTIL, "names": None, "traces": [b"ann"]},
            None,
        ),
        (
            replays._LETTERS,
            {**parameters_of(LetterSelection("arena")), "requested_at": UNTIL},
            None,
        ),
    ],
    ids=["listing", "erasure", "replay"],
)
async def test_no_page_of_a_day_sorts_the_day(
    engine: AsyncEngine,
    database_url: str,
    statement: TextClause,
    values: dict[str, Any],
    part: str | None,
) -> None:
    """In an app that keeps the day alone: all letters of a day have the same time."""
    day = BEFORE.replace(hour=0, minute=0, second=0)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field,"
            " message, event_id, name, event) SELECT gen_random_uuid(), %s, 'arena', 'ingest', 'R', 'f', 'm',"
            " 'e', 'n', 'ann' FROM generate_series(1, 5000)",
            [day],
        )
        connection.execute("ANALYZE ingest.dead_letters")
    async with engine.connect() as connection:
        [found] = await connection.scalars(
            text(f"EXPLAIN (FORMAT JSON) {statement.text}"),
            {**values, "time": day, "id": UUID(int=2**127), "limit": 100},
        )
    plans = [
        each
        for each in _nodes(found[0]["Plan"])
        if part is None or each.get("Subplan Name") == part
    ]
    assert plans
    kinds = {each["Node Type"] for plan in plans for each in _nodes(plan)}
    assert "Index Scan" in kinds
    assert not [kind for kind in kinds if "Sort" in kind]


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(each for inner in plan.get("Plans", ()) for each in _nodes(inner))]

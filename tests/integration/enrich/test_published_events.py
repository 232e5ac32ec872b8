"""Stored events as `libs/events` publishes them: columns as the table has them, queries as they promise."""

import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2

from libs.catalog.model import Environment, Producer
from libs.common.clock import EPOCH
from libs.common.ids import EVENT_NAMESPACE
from libs.events import COLUMNS, DailyCount, EventCursor, StoredEvent
from libs.events.postgres import PostgresEventReader, open_snapshot
from libs.stores.postgres import create_engine
from services.enrich.partitions.plan import Leaf, PartitionChange, wanted_leaves
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.storage.rows import COLUMNS as WRITTEN
from tests.integration.enrich.conftest import Enrich
from tests.support.enrich_batches import entry_of, event
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.repository import REPOSITORY

DAY = datetime(2026, 11, 20, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
COLUMNS_OF_TABLE = """
    SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull
    FROM pg_attribute
    WHERE attrelid = 'enrich.events'::regclass AND attnum > 0 AND NOT attisdropped
"""
INSERT = """
    INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name,
                               schema_version, producer, environment, properties)
    VALUES (%s, %s, now(), %s, %s, %s, '', '', 'production', '{}')
"""
# One a second: two names take turns.
MANY = """
    INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name,
                               schema_version, producer, environment, properties)
    SELECT gen_random_uuid(), %s + n * interval '1 second', now(), 'chess', '90d',
           CASE n %% 2 WHEN 0 THEN 'm' ELSE 'n' END, '', '', 'production', '{}'
    FROM generate_series(0, 39999) AS n
"""
Key = tuple[str, datetime, uuid.UUID, str]


@pytest.fixture
async def read_engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_read"), service="test", read_only=True)
    yield engine
    await engine.dispose()


@pytest.fixture
def reader(read_engine: AsyncEngine) -> PostgresEventReader:
    return PostgresEventReader(read_engine.connect)


def _store(url: str, keys: Iterable[Key], app_id: str = "chess") -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(INSERT, [(key[2], key[1], app_id, key[3], key[0]) for key in keys])


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _key(stored: StoredEvent) -> Key:
    return stored.name, stored.occurred_at, stored.event_uuid, stored.retention_class


async def _all_pages(reader: PostgresEventReader, limit: int, **names: Any) -> list[list[Key]]:
    pages: list[list[Key]] = []
    after: EventCursor | None = None
    while True:
        page = await reader.page(
            "chess", DAY, DAY + timedelta(days=2), limit=limit, after=after, **names
        )
        pages.append([_key(stored) for stored in page.events])
        after = page.next
        if after is None:
            return pages


def test_the_published_columns_are_those_of_the_table(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(COLUMNS_OF_TABLE).fetchall()
    assert [(column.name, column.type, column.nullable) for column in COLUMNS] == found


def test_enrich_writes_all_of_them() -> None:
    # One column is the same for all.
    assert {column.name for column in COLUMNS} == {*WRITTEN, "ip_anonymized"}
    assert {column.name for column in COLUMNS} == set(StoredEvent.__dataclass_fields__)


def test_the_page_lists_them() -> None:
    page = (REPOSITORY / "libs" / "events" / "README.md").read_text().partition("## Columns")[2]
    rows = re.findall(
        r"^\| `(\w+)` \| ([\w ]+) \| (yes|no) \| (yes|no) \| (.+) \|$", page, re.MULTILINE
    )
    words = {True: "yes", False: "no"}
    assert rows == [
        (column.name, column.type, words[column.nullable], words[column.personal], column.meaning)
        for column in COLUMNS
    ]


async def test_an_event_is_read_as_enrich_stored_it(
    enrich: Enrich, reader: PostgresEventReader
) -> None:
    sent = event(
        "550e8400-e29b-41d4-a716-446655440000",
        subject_id="ann",
        session_id="s1",
        context={"ip": "8.8.8.0"},
        attribution={"source": "mail"},
        producer=event_pb2.PRODUCER_API,
        schema_version="1.1.0",
        retention_days=90,
        privacy_level=event_pb2.PRIVACY_LEVEL_SENSITIVE,
        consent_given=True,
        properties_json=b'{"moves": 3, "big": 12345678901234567890123, "rate": 0.5, "none": null}',
    )
    sent.entity.type, sent.entity.id = "match", "m1"
    await enrich.process(entry_of(sent, event("a-2", name="other")))
    [stored] = await reader.with_id("chess", sent.event_id)
    assert stored == StoredEvent(
        event_uuid=uuid.UUID(sent.event_id),
        occurred_at=NOON,
        received_at=NOON,
        session_started_at=NOON,
        app_id="chess",
        retention_class="90d",
        name="game.ended",
        schema_version="1.1.0",
        producer=Producer.API,
        environment=Environment.PRODUCTION,
        event_id=sent.event_id,
        subject_id="ann",
        anonymous_id=None,
        session_id="s1",
        group_id=None,
        entity_type="match",
        entity_id="m1",
        request_id=None,
        country="US",
        device_type=None,
        os=None,
        browser=None,
        context={"ip": "8.8.8.0"},
        attribution={"source": "mail"},
        properties={"moves": 3, "big": 12345678901234567890123, "rate": 0.5, "none": None},
        os_version=None,
        browser_version=None,
        device_brand=None,
        device_model=None,
        person=uuid.UUID(PSEUDONYMS.pseudonym("chess", "ann")),
        privacy_level="sensitive",
        consent_given=True,
        ip_anonymized=True,
    )
    [other] = await reader.with_id("chess", "a-2")
    assert (other.event_id, other.producer, other.context) == ("a-2", None, None)
    assert (other.privacy_level, other.consent_given, other.ip_anonymized) == (None, None, True)
    assert other.event_uuid == uuid.uuid5(EVENT_NAMESPACE, "a-2")
    assert await reader.with_id("other_app", "a-2") == []


async def test_an_id_finds_its_own_events_only(enrich: Enrich, reader: PostgresEventReader) -> None:
    """One id used at two moments, and an id that is the UUID that another one stands for."""
    later = NOON + timedelta(days=400)
    twin = str(uuid.uuid5(EVENT_NAMESPACE, "a"))
    await enrich.process(
        # At another moment: two of one moment would be one event.
        entry_of(event("a", _us(later)), event("a"), event(twin, _us(NOON + timedelta(hours=1))))
    )
    assert [stored.occurred_at for stored in await reader.with_id("chess", "a")] == [NOON, later]
    assert [stored.event_id for stored in await reader.with_id("chess", twin)] == [twin]
    within = await reader.with_id("chess", "a", NOON, later)
    assert [stored.occurred_at for stored in within] == [NOON]


async def test_pages_hold_every_event_once_in_one_order(
    database_url: str, reader: PostgresEventReader
) -> None:
    keys = [
        (name, DAY + timedelta(hours=hour), uuid.uuid4(), retention_class)
        for name in ("b.came", "a.went", "a.came")
        for hour in (0, 5, 23, 30, 47)
        for retention_class in ("90d", "keep")
        for _ in range(2)
    ]
    # One event in two classes differs in nothing else.
    keys.append((*keys[0][:3], "1y"))
    outside = [
        ("a.came", DAY - timedelta(microseconds=1), uuid.uuid4(), "90d"),
        ("a.came", DAY + timedelta(days=2), uuid.uuid4(), "90d"),
    ]
    _store(database_url, [*keys, *outside])
    _store(database_url, keys[:3], app_id="go")
    wanted = sorted(keys)
    for limit in (1, 7, len(keys), 1_000):
        pages = await _all_pages(reader, limit)
        assert [key for page in pages for key in page] == wanted
        assert {len(page) for page in pages[:-1]} <= {limit}
        assert len(pages) == -(-len(keys) // limit)
    came = [key for key in wanted if key[0] == "a.came"]
    assert [key for page in await _all_pages(reader, 6, name="a.came") for key in page] == came


async def test_what_is_stored_between_pages_moves_none_of_the_others(
    database_url: str, reader: PostgresEventReader
) -> None:
    keys = [("m", DAY + timedelta(hours=hour), uuid.uuid4(), "90d") for hour in range(4)]
    _store(database_url, keys)
    first = await reader.page("chess", DAY, DAY + timedelta(days=1), limit=2)
    before = ("m", DAY + timedelta(minutes=5), uuid.uuid4(), "90d")
    after = ("m", DAY + timedelta(hours=2, minutes=5), uuid.uuid4(), "90d")
    _store(database_url, [before, after])
    second = await reader.page("chess", DAY, DAY + timedelta(days=1), limit=9, after=first.next)
    read = [_key(stored) for stored in (*first.events, *second.events)]
    assert read == [*keys[:3], after, keys[3]]
    assert second.next is None


async def test_a_page_looks_into_the_partitions_of_its_time_along_the_index(
    engine: AsyncEngine, read_engine: AsyncEngine, database_url: str, reader: PostgresEventReader
) -> None:
    store = PostgresPartitionStore(engine)
    for leaf in wanted_leaves("90d", NOON):
        assert await store.apply(PartitionChange(leaf))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MANY, [DAY])
        connection.execute("ANALYZE enrich.events")
    first = await reader.page("chess", DAY, DAY + timedelta(days=1), limit=700)
    asked: list[tuple[str, Any]] = []

    def listener(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    listen(read_engine.sync_engine, "before_cursor_execute", listener)
    page = await reader.page("chess", DAY, DAY + timedelta(days=1), limit=5, after=first.next)
    assert [stored.occurred_at for stored in page.events] == [
        DAY + timedelta(seconds=2 * n) for n in range(700, 705)
    ]
    [(statement, parameters)] = asked
    with psycopg.connect(database_url, autocommit=True) as connection:
        explained = connection.execute(f"EXPLAIN {statement}".encode(), parameters).fetchall()
    plan = "\n".join(row[0] for row in explained)
    # The default leaf is for times that have no other.
    assert set(re.findall(r" on (events_90d_\w+)", plan)) == {"events_90d_20261120"}, plan
    # Both branches, the rest of the cursor's name and the names after it, in the order of the index: only
    # events of one name and moment are sorted.
    assert (
        plan.count("Index Scan using events_90d_20261120_app_id_name_occurred_at_person_idx") == 2
    ), plan
    assert plan.count("Presorted Key: ") == 2, plan


async def test_days_begin_at_midnight_utc(database_url: str, reader: PostgresEventReader) -> None:
    moments = [DAY - timedelta(microseconds=1), DAY, DAY + timedelta(hours=23)]
    _store(database_url, [("m", moment, uuid.uuid4(), "90d") for moment in moments])
    _store(database_url, [("k", DAY, uuid.uuid4(), "keep")])
    _store(database_url, [("m", DAY, uuid.uuid4(), "90d")], app_id="go")
    with psycopg.connect(database_url, autocommit=True) as connection:
        # Whatever the time zone of the session is.
        connection.execute("ALTER ROLE weir_read SET timezone = 'America/New_York'")
        try:
            counts = await reader.daily_counts("chess")
        finally:
            connection.execute("ALTER ROLE weir_read RESET timezone")
    yesterday, today = date(2026, 11, 19), date(2026, 11, 20)
    assert counts == [
        DailyCount(yesterday, "m", 1),
        DailyCount(today, "k", 1),
        DailyCount(today, "m", 2),
    ]
    assert await reader.daily_counts("chess", DAY, DAY + timedelta(hours=1)) == [
        DailyCount(today, "k", 1),
        DailyCount(today, "m", 1),
    ]
    assert await reader.daily_counts("nobody") == []


async def test_a_snapshot_is_one_state_and_keeps_merges_away(
    database_url: str, engine: AsyncEngine, read_engine: AsyncEngine, reader: PostgresEventReader
) -> None:
    store = PostgresPartitionStore(engine)
    days = [Leaf("90d", DAY + timedelta(days=n), DAY + timedelta(days=n + 1)) for n in range(2)]
    for leaf in days:
        assert await store.apply(PartitionChange(leaf))
    keys = [("m", DAY + timedelta(hours=hour), uuid.uuid4(), "90d") for hour in (1, 2, 25, 26)]
    _store(database_url, keys)
    existing = (await store.leaves())["90d"]
    merge = PartitionChange(
        Leaf("90d", DAY, DAY + timedelta(days=2), existing[0].name), tuple(existing)
    )
    async with open_snapshot(read_engine) as snapshot:
        pages = [await snapshot.page("chess", DAY, DAY + timedelta(days=2), limit=2)]
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await store.apply(merge)
        _store(database_url, [("m", DAY + timedelta(hours=27), uuid.uuid4(), "90d")])
        pages.append(
            await snapshot.page("chess", DAY, DAY + timedelta(days=2), limit=9, after=pages[0].next)
        )
        assert [_key(stored) for page in pages for stored in page.events] == keys
        assert [count.events for count in await reader.daily_counts("chess")] == [2, 3]
    assert await store.apply(merge)
    assert [count.events for count in await reader.daily_counts("chess")] == [2, 3]


async def test_a_read_connection_changes_nothing_whoever_it_is(database_url: str) -> None:
    engine = create_engine(database_url, service="test", read_only=True)
    try:
        async with engine.connect() as connection:
            with pytest.raises(sqlalchemy.exc.InternalError) as caught:
                await connection.execute(text("DELETE FROM enrich.events"))
    finally:
        await engine.dispose()
    assert isinstance(caught.value.orig, psycopg.errors.ReadOnlySqlTransaction)

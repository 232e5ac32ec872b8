"""Pages of selected events: in the order of time, each event once, along an index."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import DeadlineExceeded, Unavailable
from libs.common.pseudonym import Pseudonymizer
from libs.events.access import access_of
from libs.events.filtering import Condition, parse_filter
from libs.events.filtering.reach import Key, key_of
from libs.events.lines import JSON_LINES
from libs.events.selection import EventSelection, Place
from libs.events.selection_postgres import SelectedEvents, driver_text
from libs.events.selection_sql import SETTINGS, events_statement
from libs.stores.postgres import create_engine
from services.enrich.partitions.plan import PartitionChange, wanted_leaves
from services.enrich.partitions.postgres import PostgresPartitionStore
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.stored_events import row, store

DAY = datetime(2026, 11, 20, tzinfo=UTC)
MIB = 1 << 20
# One each second, by turns of five names; every hundredth is rare.
MANY = """
    INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name,
                               schema_version, producer, environment, subject_id, properties)
    SELECT gen_random_uuid(), %s + n * interval '1 second', now(), 'arena', '90d', 'n' || n %% 5,
           '', '', 'production', 's' || n %% 1000, jsonb_build_object('n', n)
    FROM generate_series(0, 39999) AS n
"""


@pytest.fixture
async def read_engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_read"), service="test", read_only=True)
    yield engine
    await engine.dispose()


@pytest.fixture
async def enrich_engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_enrich"), service="test")
    yield engine
    await engine.dispose()


@pytest.fixture
def events(read_engine: AsyncEngine) -> SelectedEvents:
    return SelectedEvents(read_engine, PSEUDONYMS, 60.0, reach=20)


def selected(written: str = "", *conditions: Condition) -> EventSelection:
    return EventSelection("arena", DAY, DAY + timedelta(days=2), parse_filter(written), conditions)


async def pages(
    events: SelectedEvents, selection: EventSelection, limit: int, **options: Any
) -> list[list[str]]:
    """The ids of the events of each page."""
    found: list[list[str]] = []
    after: Place | None = None
    while True:
        page = await events.page(selection, limit=limit, max_bytes=MIB, after=after, **options)
        assert len(page.events) <= limit
        found.append([event.event_id for event in page.events])
        after = page.next
        if after is None:
            return found


def together(found: Sequence[Sequence[str]]) -> list[str]:
    return [event_id for page in found for event_id in page]


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_events_of_all_names_come_newest_first_and_each_once(
    database_url: str, events: SelectedEvents, limit: int
) -> None:
    """Sixty events of three names, four of them at each moment, so that the id decides too."""
    rows = [
        row(f"n{n % 3}", f"2026-11-20T{n // 4:02}:00:00", f"e{n:02}", retention_class=kept)
        for n, kept in zip(range(60), ["90d", "keep"] * 30, strict=True)
    ]
    outside = [
        row("n0", "2026-11-19T23:59:59.999999", "before"),
        row("n0", "2026-11-22T00:00:00", "after"),
        row("n0", "2026-11-20T01:00:00", "other", app_id="go"),
    ]
    store(database_url, [*rows, *outside])
    in_order = [
        one["event_id"]
        for one in sorted(rows, key=lambda one: (one["occurred_at"], one["event_uuid"]))
    ]
    assert together(await pages(events, selected(), limit)) == in_order[::-1]
    assert together(await pages(events, selected(), limit, newest_first=False)) == in_order
    one_name = [event_id for event_id in in_order if int(event_id[1:]) % 3 == 1]
    assert together(await pages(events, selected("name = n1"), limit)) == one_name[::-1]
    others = [event_id for event_id in in_order if int(event_id[1:]) % 3 != 1]
    assert together(await pages(events, selected("name != n1"), limit)) == others[::-1]


async def test_a_filter_that_finds_little_ends_pages_early_and_misses_nothing(
    database_url: str, events: SelectedEvents
) -> None:
    """A page reads 20 events along the index, 10 of each of two names: of 120, three are found."""
    rows = [
        row(f"n{n % 2}", f"2026-11-20T{n // 60:02}:{n % 60:02}:00", f"e{n}", properties={"n": n})
        for n in range(120)
    ]
    store(database_url, rows)
    wanted = selected("properties.n = 5 OR properties.n = 60 OR properties.n = 119")
    found = await pages(events, wanted, 100)
    assert together(found) == ["e119", "e60", "e5"]
    assert len(found) > 3
    assert [] in found
    one_name = selected("name = n1 (properties.n = 5 OR properties.n = 119)")
    found = await pages(events, one_name, 100)
    assert together(found) == ["e119", "e5"]
    # 60 events of that name, 20 a page; the third one ends at the last event and does not know it.
    assert len(found) == 4


async def test_a_rare_name_is_not_kept_waiting_behind_a_common_one(
    database_url: str, events: SelectedEvents
) -> None:
    """The common name's 10 events of a page are the newest ones; the rare one's are all older."""
    common = [row("common", f"2026-11-20T12:{n:02}:00", f"c{n}") for n in range(60)]
    rare = [row("rare", f"2026-11-20T{n:02}:00:00", f"r{n}", country="DE") for n in range(3)]
    store(database_url, common + rare)
    assert together(await pages(events, selected("country = DE"), 2)) == ["r2", "r1", "r0"]


async def test_a_person_a_group_and_an_id_are_found_without_reading_others(
    database_url: str, events: SelectedEvents
) -> None:
    known = str(uuid.uuid4())
    store(
        database_url,
        [
            *(row("n", f"2026-11-20T12:{n:02}:00", f"x{n}", subject_id="bob") for n in range(60)),
            row("n", "2026-11-20T01:00:00", "a1", subject_id="ann", group_id="g"),
            row("m", "2026-11-20T02:00:00", "a2", subject_id="ann"),
            row("m", "2026-11-20T03:00:00", None, event_uuid=known, group_id="g"),
        ],
    )
    assert await pages(events, selected("subject_id = ann"), 9) == [["a2", "a1"]]
    assert await pages(events, selected("subject = ann name = n"), 9) == [["a1"]]
    assert await pages(events, selected("group_id = g"), 9) == [[known, "a1"]]
    ann = PSEUDONYMS.pseudonym("arena", "ann")
    assert await pages(events, selected(f"person = {ann}"), 9) == [["a2", "a1"]]
    assert await pages(events, selected(f"event_id = {known}"), 9) == [[known]]
    assert await pages(events, selected("event_id = a2"), 9) == [["a2"]]


async def test_large_events_make_short_pages(database_url: str, events: SelectedEvents) -> None:
    large = {"text": "x" * 400_000}
    store(
        database_url,
        [row("n", f"2026-11-20T01:00:0{n}", f"e{n}", properties=large) for n in range(6)],
    )
    found = await pages(events, selected(), 100)
    assert found == [["e5", "e4"], ["e3", "e2"], ["e1", "e0"]]
    page = await events.page(selected(), limit=100, max_bytes=1)
    assert [event.event_id for event in page.events] == ["e5"]


async def test_events_that_arrive_between_pages_move_none_of_the_others(
    database_url: str, events: SelectedEvents
) -> None:
    store(database_url, [row("n", f"2026-11-20T{n:02}:00:00", f"e{n}") for n in range(4)])
    first = await events.page(selected(), limit=2, max_bytes=MIB)
    store(
        database_url,
        [row("n", "2026-11-20T05:00:00", "newer"), row("m", "2026-11-20T00:30:00", "older")],
    )
    second = await events.page(selected(), limit=9, max_bytes=MIB, after=first.next)
    ids = [event.event_id for event in (*first.events, *second.events)]
    assert ids == ["e3", "e2", "e1", "older", "e0"]


async def test_conditions_besides_the_filter_hold_too(
    database_url: str, events: SelectedEvents
) -> None:
    store(
        database_url,
        [
            row("n", "2026-11-20T01:00:00", "a", country="DE", group_id="g"),
            row("n", "2026-11-20T01:00:00", "b", country="DE"),
        ],
    )
    extra = Condition("(group_id = :g0)", {"g0": "g"})
    assert await pages(events, selected("country = DE", extra), 9) == [["a"]]


async def test_an_identity_finds_what_names_it_and_nothing_else_of_the_person(
    database_url: str, read_engine: AsyncEngine
) -> None:
    """Before, while and after the person did not agree, of two epochs and of a release without `person`."""
    ann, in_epoch_2 = (
        Pseudonymizer(PSEUDONYM_KEY.encode(), epoch).pseudonym("arena", "ann") for epoch in (1, 2)
    )
    store(
        database_url,
        [
            row("n", "2026-11-20T01:00:00", "old", subject_id="ann", person=None),
            row("n", "2026-11-20T02:00:00", "agreed", subject_id="ann", person=ann),
            row("n", "2026-11-20T03:00:00", "denied", anonymous_id=ann, person=ann),
            row("n", "2026-11-20T04:00:00", "again", subject_id="ann", person=in_epoch_2),
            row("n", "2026-11-20T05:00:00", "older", subject_id="ann", person=None),
            row("n", "2026-11-20T06:00:00", "bob", subject_id="bob"),
            row("n", "2026-11-20T07:00:00", "of_bob", subject_id="bob", person=None),
        ],
    )
    now = SelectedEvents(read_engine, Pseudonymizer(PSEUDONYM_KEY.encode(), 2), 60.0, reach=20)
    wanted = ["older", "again", "agreed", "old"]
    assert await pages(now, selected("subject_id = ann"), 9) == [wanted]
    assert await pages(now, selected("subject_id = ann"), 1) == [[one] for one in wanted]
    found = await now.lines(selected("subject_id = ann"), None, JSON_LINES, limit=9, max_bytes=MIB)
    assert [json.loads(line.data)["event_id"] for line in found.lines] == wanted[::-1]


@pytest.mark.parametrize(
    ("written", "index"),
    [
        ("", "name_occurred_at_person"),
        ("name = n1", "name_occurred_at_person"),
        ("name = n1 properties.n > 5", "name_occurred_at_person"),
        ("subject_id = s1", "person_occurred_at_name"),
    ],
)
async def test_a_page_is_read_along_an_index_in_the_partitions_of_its_time(
    enrich_engine: AsyncEngine, database_url: str, written: str, index: str
) -> None:
    partitions = PostgresPartitionStore(enrich_engine)
    for leaf in wanted_leaves("90d", DAY + timedelta(hours=12)):
        assert await partitions.apply(PartitionChange(leaf))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MANY, [DAY])
        connection.execute("ANALYZE enrich.events")
    selection = EventSelection("arena", DAY, DAY + timedelta(days=1), parse_filter(written))
    condition = selection.condition()
    key = key_of(selection.filter) or (Key("name", "n1") if "name" in written else None)
    access = access_of(key, PSEUDONYMS, "arena") if key else None
    statement = events_statement(access, condition, descending=True, after=True)
    parameters = {
        **condition.parameters,
        "app_id": "arena",
        "start": selection.start,
        "end": selection.end,
        "after_time": DAY + timedelta(hours=6),
        "after_uuid": uuid.UUID(int=0),
        "after_class": "90d",
        "reach": 100_000,
        "limit": 101,
        **(access.parameters if access else {}),
        "names": ["n0", "n1", "n2", "n3", "n4"],
    }
    with psycopg.connect(database_url) as connection:
        connection.execute(driver_text(SETTINGS), {"timeout": "60000"})
        explained = connection.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {driver_text(statement)}".encode(),
            parameters,
        ).fetchall()
    plan = "\n".join(line for (line,) in explained)
    touched = set(re.findall(r"Scan (?:Backward )?using \w+ on (events_90d_\w+)", plan))
    assert touched == {"events_90d_20261120"}, plan
    assert f"app_id_{index}_idx" in plan, plan
    assert "Seq Scan" not in plan, plan
    # It stops when the page is full, instead of reading the 20,000 events before the place.
    read = [int(rows) for rows in re.findall(r"Index Scan.*\(actual rows=(\d+)", plan)]
    assert max(read, default=0) <= 150, plan


async def test_a_statement_that_takes_too_long_says_so(
    database_url: str, read_engine: AsyncEngine
) -> None:
    store(database_url, [row("n", "2026-11-20T01:00:00", "a")])
    slow = Condition("pg_sleep(30) IS NOT NULL", {})
    with pytest.raises(DeadlineExceeded) as caught:
        await SelectedEvents(read_engine, PSEUDONYMS, 0.2).page(
            selected("name = n", slow), limit=1, max_bytes=MIB
        )
    assert caught.value.metadata == {"limit": "statement_seconds", "value": "0.2"}
    # The connection is whole: it was given back without what the page had set.
    async with read_engine.connect() as connection:
        assert (await connection.exec_driver_sql("SHOW statement_timeout")).scalar() == "0"


async def test_a_postgres_that_is_away_is_said_to_be_so() -> None:
    away = create_engine("postgresql://weir@127.0.0.1:1/none", service="test", read_only=True)
    with pytest.raises(Unavailable):
        await SelectedEvents(away, PSEUDONYMS, 1.0).page(
            selected("name = n"), limit=1, max_bytes=MIB
        )
    await away.dispose()

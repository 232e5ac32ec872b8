"""Gauges made again from stored events: the same as when they are noted live, worked out by hand."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from libs.catalog import Catalogs, Snapshot, compile_catalog
from libs.catalog.snapshot import SnapshotEntry
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from services.aggregate.gauges.postgres import PostgresStoredSigns
from services.aggregate.gauges.rebuild import GaugeRebuilds
from services.aggregate.gauges.redis import RedisPresence
from services.aggregate.plan_lookup import current_plans
from tests.support.clocks import FixedClock
from tests.support.gauge_events import APP, CATALOG, NOON, Lounge, seen
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.stored_events import row, store

LAST = """
  fighting:
    enter: {events: spoke, if: {properties.room: [ring, 5]}}
    leave: {events: spoke, if: {properties.room: out}}
    silence: 24h
    by: [country, entity.type]
"""


class Rebuilt(Lounge):
    """The lounge, with what makes its gauges again."""

    def __init__(
        self, presence: RedisPresence, clock: FixedClock, catalogs: Catalogs, stored: Any
    ) -> None:
        super().__init__(presence, clock, current_plans(catalogs)[APP])
        self.rebuilds = GaugeRebuilds(catalogs, presence, presence, stored, clock)


@pytest.fixture
async def noted(
    client: RedisClient, database_url: str, role_url: Callable[[str], str]
) -> AsyncIterator[Rebuilt]:
    """An empty lounge at noon, and an empty database."""
    clock = FixedClock(NOON)
    catalog = compile_catalog(CATALOG + LAST, "lounge.yaml")
    catalogs = Catalogs(Snapshot("1", 0, {APP: SnapshotEntry(catalog)}))
    engine = create_engine(role_url("weir_aggregate"), service="test", read_only=True)
    stored = PostgresStoredSigns(engine, PSEUDONYMS, 20.0)
    presence = RedisPresence(client.commands, clock, max_groups=3)
    yield Rebuilt(presence, clock, catalogs, stored)
    await engine.dispose()


def stored(name: str, who: str, minute: float, room: object = None, **columns: Any) -> Any:
    """A row of an event so many minutes after noon, received when it occurred."""
    when = (NOON + timedelta(minutes=minute)).replace(tzinfo=None).isoformat()
    properties = {} if room is None else {"room": room}
    return row(name, when, app_id=APP, subject_id=who or None, properties=properties, **columns)


async def test_the_same_as_live(noted: Rebuilt, database_url: str) -> None:
    store(
        database_url,
        [
            stored("entered", "ann", -20, "red", session_id="s1"),
            stored("spoke", "ann", -2, "red"),
            stored("entered", "bob", -10, "red", session_id="s2"),
            stored("left", "bob", -10, "red", session_id="s2"),
            stored("entered", "bob", -5, 7.0),
            stored("entered", "eve", -30, "red"),
            stored("entered", "", -1, "red"),
            stored("entered", "fay", 5, "red"),
            # From before there was a column for the person.
            stored("entered", "gus", -3, "red", person=None),
            stored("looked", "ann", -3, group_id="north"),
            stored("looked", "bob", -40, group_id="north", received_at=NOON - timedelta(minutes=1)),
            stored("looked", "old", -56, group_id="north", received_at=NOON - timedelta(minutes=1)),
            stored("looked", "eve", -6, group_id="north"),
            row("entered", "2026-05-01T11:59:00", app_id="other", subject_id="ann"),
        ],
    )
    assert {plan.gauge.name for plan in await noted.rebuilds.look()} == set(noted.plan.gauges)
    assert await noted.shown("inside") == (4, {'["red"]': 3, "[7]": 1})
    assert await noted.shown("nearest") == (4, {'["red"]': 3, "[7]": 1})
    assert await noted.shown("visits") == (1, {})
    assert await noted.shown("online") == (2, {'["north"]': 2})
    # Nothing is left to do, also when another process looks.
    assert not await noted.rebuilds.look()


async def test_sessions_are_the_same_as_live(noted: Rebuilt, database_url: str) -> None:
    session = "3fa85f6457174562b3fc2c963f66afa6"
    replaced = PSEUDONYMS.pseudonym(APP, f"session\x00{session}")
    withdrawn = {"anonymous_id": PSEUDONYMS.pseudonym(APP, "ann"), "session_id": replaced}
    store(
        database_url,
        [
            stored("entered", "ann", -9, session_id=session),
            stored("entered", "", -8, **withdrawn),
            stored("entered", "bob", -7, session_id="s1"),
        ],
    )
    await noted.note(
        seen("entered", "ann", -6, session=session), seen("left", "", -5, session="s1")
    )
    await noted.rebuilds.look()
    assert await noted.shown("visits") == (1, {})


async def test_conditions_and_a_day(noted: Rebuilt, database_url: str) -> None:
    of_ring = {"country": "NO", "entity_type": "boxer"}
    store(
        database_url,
        [
            stored("spoke", "ann", -1439, "ring", **of_ring),
            stored("spoke", "bob", -700, 5, **of_ring),
            stored("spoke", "eve", -700, "5", **of_ring),
            stored("spoke", "fay", -700, "ring"),
            stored("spoke", "gus", -700, "ring", **of_ring),
            stored("spoke", "gus", -699, "out", **of_ring),
            stored("spoke", "hal", -1441, "ring", **of_ring),
        ],
    )
    await noted.rebuilds.look()
    assert await noted.shown("fighting") == (3, {'["NO","boxer"]': 2, "[null,null]": 1})


async def test_counting_goes_on_while_it_is_made_again(
    noted: Rebuilt, database_url: str, client: RedisClient
) -> None:
    store(database_url, [stored("entered", "ann", -20, "red"), stored("entered", "bob", -9, "red")])
    # Counted after Redis lost everything, and before the gauge is made again.
    await noted.note(seen("left", "ann", -1, "red"), seen("entered", "eve", -1, "red"))
    await noted.rebuilds.look()
    assert await noted.shown("inside") == (2, {'["red"]': 2})


async def test_a_gauge_that_is_declared_again_is_made_again(
    noted: Rebuilt, database_url: str, client: RedisClient
) -> None:
    await noted.rebuilds.look()
    rolled_back = {"inside", "visits"}
    plans = [plan for name, plan in noted.plan.gauges.items() if name not in rolled_back]

    async def later(seconds: int) -> None:
        """Lets all keys be older by so much."""
        for key in await client.keys("aggregate:*"):
            left = await client.pttl(key) - seconds * 1_000
            await (client.pexpire(key, left) if left > 0 else client.delete(key))

    await later(29)
    # A catalog without two of them, by which Ann's event is counted and not noted.
    await noted.presence.renew(plans)
    store(database_url, [stored("entered", "ann", -1, "red", session_id="s1")])
    await later(29)
    lacking = await noted.presence.lacking(list(noted.plan.gauges.values()))
    assert {plan.gauge.name for plan in lacking} == rolled_back
    await noted.rebuilds.look()
    await noted.rebuilds.renew()
    assert await noted.shown("inside") == (1, {'["red"]': 1})
    # Those that stayed are kept for as long as they are renewed.
    await later(29)
    assert not await noted.rebuilds.look()


async def test_what_a_process_counted_by_another_catalog_is_read_later(
    noted: Rebuilt, database_url: str, client: RedisClient
) -> None:
    async def wait(part: str) -> None:
        """Lets ten minutes pass, for which the gauge is renewed."""
        for key in await client.keys(f"aggregate:*{part}"):
            await client.delete(key)

    await noted.rebuilds.renew()
    await noted.rebuilds.look()
    # Stored after that, and counted by a process whose catalog has no such gauge yet.
    store(database_url, [stored("entered", "ann", -1, "red")])
    assert not await noted.rebuilds.look()
    assert await noted.shown("inside") == (0, {})
    await wait(":fresh")
    # It can be read meanwhile.
    assert await noted.shown("inside") == (0, {})
    assert {plan.gauge.name for plan in await noted.rebuilds.look()} == set(noted.plan.gauges)
    assert await noted.shown("inside") == (1, {'["red"]': 1})
    await noted.rebuilds.renew()
    assert not await noted.rebuilds.look()

    # A process with another catalog is replaced by one with this catalog, as when a change is taken back.
    store(database_url, [stored("entered", "bob", -1, "red")])
    plans = list(noted.plan.gauges.values())
    await noted.presence.take_up(plans)
    assert not await noted.rebuilds.look()
    await wait(":fresh")
    assert len(await noted.rebuilds.look()) == len(plans)
    assert await noted.shown("inside") == (2, {'["red"]': 2})


async def test_a_gauge_that_is_taken_up_while_it_is_read_again_is_read_once_more(
    noted: Rebuilt, client: RedisClient
) -> None:
    plan = noted.plan.gauges["inside"]
    await noted.ready()
    second = await noted.presence.begin(plan)
    assert second is not None
    await noted.presence.take_up([plan])
    assert await second.finish()
    for key in await client.keys("aggregate:*:fresh"):
        await client.delete(key)
    assert plan in await noted.presence.lacking([plan])


async def test_while_another_process_is_at_it(noted: Rebuilt, database_url: str) -> None:
    store(database_url, [stored("entered", "ann", -20, "red")])
    others = await noted.presence.begin(noted.plan.gauges["inside"])
    assert others is not None
    assert "inside" not in {plan.gauge.name for plan in await noted.rebuilds.look()}
    [found] = await noted.presence.read(APP, [(noted.plan.gauges["inside"], None)])
    assert found is None


async def test_less_time_at_once_if_postgres_takes_too_long(
    noted: Rebuilt, database_url: str, role_url: Callable[[str], str]
) -> None:
    store(database_url, [stored("entered", "ann", -20, "red"), stored("entered", "bob", -9, "red")])
    engine = create_engine(role_url("weir_aggregate"), service="test", read_only=True)
    reader = PostgresStoredSigns(engine, PSEUDONYMS, 0.2)
    plan = noted.plan.gauges["inside"]
    parts = reader.read(plan, noted.clock.now_us())
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE enrich.events IN ACCESS EXCLUSIVE MODE")
        # What comes after the first statement was cancelled says only that it goes on.
        assert not (await anext(parts)).entered
    found = [signs.entered async for signs in parts if signs.entered]
    await engine.dispose()
    assert sum(len(members) for entered in found for members in entered.values()) == 2

"""What the RPCs answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from pydantic import SecretStr
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.stores.postgres_connector import PostgresConnector
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.convert import stored_batch
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.counting.postgres import PostgresCountingStore
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import at, entry, event
from tests.support.arena_catalog import APP, plan
from tests.support.clocks import FixedClock
from tests.support.databases import Databases
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of

TIMEOUT = 20


def query(rollup: str, app_id: str = APP, **others: Any) -> pb.QueryRollupRequest:
    request = pb.QueryRollupRequest(app_id=app_id, rollup=rollup)
    for name, value in others.items():
        if name in ("start", "end"):
            field = {"start": "from", "end": "to"}[name]
            getattr(request, field).FromDatetime(at(value).replace(tzinfo=None))
        elif name == "where":
            request.dimensions.update(value)
        else:
            setattr(request, name, value)
    return request


async def rows(aggregate: Aggregate, request: pb.QueryRollupRequest) -> list[Any]:
    response = await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    return [
        (
            cell.bucket_start.ToJsonString(),
            json_format.MessageToDict(cell.dimensions),
            dict(cell.metrics),
        )
        for cell in response.cells
    ]


@pytest.fixture
async def matches(stores: Stores, aggregate: Aggregate) -> Aggregate:
    """Five matches over two weeks, in two guilds and none, in modes of every JSON type."""
    matches = [
        event(player="ann", guild="g1", properties={"score": 5, "mode": "duel"}),
        event(player="bob", guild="g1", properties={"score": 1.5, "mode": "duel"}),
        event(player="ann", guild="g2", properties={"mode": 3}),
        event(player="ann", properties={"score": 4, "mode": None}),
        event(
            when="2026-05-04T00:00:00", player="ann", guild="g1", properties={"mode": "'); DROP"}
        ),
    ]
    stores.send(entry(*matches))
    await stores.until_drained()
    return aggregate


async def test_all_cells_by_bucket_and_dimensions(matches: Aggregate) -> None:
    week, next_week = "2026-04-27T00:00:00Z", "2026-05-04T00:00:00Z"
    found = await rows(matches, query("matches"))
    assert [row[0] for row in found] == [week, week, week, next_week]
    scores = {"score": 6.5, "mean": 3.25, "worst": 1.5, "best": 5.0}
    expected = [
        (week, {"guild_id": "g1", "mode": "duel"}, {"matches": 2.0, "players": 2.0, **scores}),
        (week, {"guild_id": "g2", "mode": 3.0}, {"matches": 1.0, "players": 1.0}),
        (
            week,
            {"guild_id": None, "mode": None},
            {"matches": 1.0, "players": 1.0, "score": 4, "mean": 4, "worst": 4, "best": 4},
        ),
        (next_week, {"guild_id": "g1", "mode": "'); DROP"}, {"matches": 1.0, "players": 1.0}),
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


async def test_pages_have_every_cell_once(matches: Aggregate) -> None:
    whole = await rows(matches, query("matches"))
    request = query("matches", page_size=1)
    seen = []
    while True:
        response = await matches.stub.QueryRollup(request, timeout=TIMEOUT)
        assert response.period == pb.PERIOD_WEEK
        seen += [json_format.MessageToDict(cell.dimensions) for cell in response.cells]
        request.page_token = response.next_page_token
        if not response.next_page_token:
            break
    assert seen == [dimensions for _, dimensions, _ in whole]


@pytest.mark.parametrize(
    ("others", "cells"),
    [
        ({"start": "2026-05-01"}, 4),  # a Friday: rounded down to the first week's Monday
        ({"start": "2026-05-04"}, 1),
        ({"end": "2026-05-04"}, 3),
        ({"where": {"guild_id": "g1"}}, 2),
        ({"where": {"guild_id": None}}, 1),
        ({"where": {"mode": 3}}, 1),
        # What was sent as a number is no text; and a guild is a text, however it was sent.
        ({"where": {"mode": "3"}}, 0),
        ({"where": {"guild_id": 7}}, 0),
        ({"where": {"mode": True}}, 0),
        ({"where": {"guild_id": "g1", "mode": "'); DROP"}}, 1),
        ({"where": {"guild_id": "' OR 1=1 --"}}, 0),
        ({"where": {"mode": 1e300}}, 0),
    ],
)
async def test_filters(matches: Aggregate, others: dict[str, Any], cells: int) -> None:
    assert len(await rows(matches, query("matches", **others))) == cells


async def test_a_number_finds_the_number_and_a_text_the_text(
    stores: Stores, aggregate: Aggregate
) -> None:
    modes: tuple[Any, ...] = 1, 1.0, "1", "1.0", True
    stores.send(entry(*(event(guild="7", properties={"mode": mode}) for mode in modes)))
    await stores.until_drained()
    for mode, matches in ((1, 2.0), ("1", 1.0), ("1.0", 1.0), (True, 1.0)):
        [(_, dimensions, metrics)] = await rows(aggregate, query("matches", where={"mode": mode}))
        assert (dimensions["mode"], metrics["matches"]) == (mode, matches)
        assert type(dimensions["mode"]) is (float if mode == 1 and mode is not True else type(mode))
    # A guild is a text in every event, also if its sender wrote a number.
    assert len(await rows(aggregate, query("matches", where={"guild_id": 7}))) == 4


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (query("matches", app_id="chess"), ("NOT_FOUND", "APP_UNKNOWN", "")),
        (query("wins"), ("NOT_FOUND", "ROLLUP_UNKNOWN", "")),
        (
            query("matches", where={"x'; --": 1}),
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "dimensions"),
        ),
        (
            query("matches", where={"mode": "a\x00"}),
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "dimensions"),
        ),
        (
            query("matches", page_token="abc"),
            ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token"),
        ),
        (
            query("matches", page_size=10_001),
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "page_size"),
        ),
    ],
)
async def test_refusals(
    aggregate: Aggregate, request_: pb.QueryRollupRequest, expected: tuple[str, str, str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.QueryRollup(request_, timeout=TIMEOUT)
    assert reason_of(refused.value) == expected


@pytest.mark.parametrize("rollup", ["events", "activity", "matches", "scores"])
@pytest.mark.parametrize("end", ["9999-12-31T00:00", "9999-12-31T23:59:59"])
async def test_an_end_at_the_end_of_time(matches: Aggregate, rollup: str, end: str) -> None:
    """Rollups by hour, day, week and month."""
    assert await rows(matches, query(rollup, end=end)) == await rows(matches, query(rollup))


async def test_retention_wants_a_period_of_days(aggregate: Aggregate) -> None:
    for period in (pb.PERIOD_UNSPECIFIED, pb.PERIOD_HOUR):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await aggregate.stub.QueryCohortRetention(
                pb.QueryCohortRetentionRequest(app_id=APP, period=period), timeout=TIMEOUT
            )
        assert reason_of(refused.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "period")


async def test_retention_of_nobody(aggregate: Aggregate) -> None:
    response = await aggregate.stub.QueryCohortRetention(
        pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY), timeout=TIMEOUT
    )
    assert not response.cohorts


@pytest.fixture
def url_that_is_behind(databases: Databases) -> Iterator[SecretStr]:
    """Of another database, which stands for a replica that has not yet heard of anything."""
    url = databases.create()
    yield SecretStr(databases.as_role(url, "weir_aggregate"))
    databases.drop(url)


async def test_only_cohorts_are_read_where_reading_may_be_late(
    url_that_is_behind: SecretStr, stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    request = pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY)
    found: list[list[int]] = []
    for url in (url_that_is_behind, SecretStr("")):
        stores.settings = stores.settings.model_copy(update={"read_database_url": url})
        aggregate = await start()
        if not found:
            stores.send(entry(event(player="ann")))
            await stores.until_drained()
        assert (await aggregate.stub.QueryRollup(query("matches"), timeout=TIMEOUT)).cells
        response = await aggregate.stub.QueryCohortRetention(request, timeout=TIMEOUT)
        found.append([cohort.size for cohort in response.cohorts])
    assert found == [[], [1]]


def cells_of(response: pb.WatchRollupsResponse) -> dict[str, dict[str, float]]:
    """By rollup; where a rollup has several cells, the last."""
    return {watched.rollup: dict(watched.cell.metrics) for watched in response.cells}


async def test_a_watcher_sees_what_is_and_what_changes(
    stores: Stores, aggregate: Aggregate
) -> None:
    stores.send(entry(event(player="ann", when="2026-04-26T10:00:00")))
    stores.send(entry(event(player="ann"), event(player="bob")))
    await stores.until_drained()
    call = aggregate.stub.WatchRollups(
        pb.WatchRollupsRequest(app_id=APP, rollups=["events", "activity"]), timeout=TIMEOUT
    )
    first = await call.read()
    assert len(first.cells) == 2
    assert cells_of(first) == {"events": {"events": 2.0}, "activity": {"active_users": 2.0}}
    stores.send(entry(event(player="ann")))
    assert cells_of(await call.read()) == {"events": {"events": 3.0}}
    stores.send(entry(event(player="cy")))
    stores.send(entry(event(player="dan")))
    last: dict[str, dict[str, float]] = {}
    while last.get("events") != {"events": 5.0} or last.get("activity") != {"active_users": 4.0}:
        last |= cells_of(await call.read())
    call.cancel()


async def test_a_watcher_of_nothing_yet_gets_an_empty_first_message(aggregate: Aggregate) -> None:
    call = aggregate.stub.WatchRollups(pb.WatchRollupsRequest(app_id=APP), timeout=TIMEOUT)
    assert not (await call.read()).cells
    call.cancel()


async def test_a_watcher_hears_of_what_was_counted_by_one_who_died_before_telling(
    stores: Stores, aggregate: Aggregate
) -> None:
    call = aggregate.stub.WatchRollups(
        pb.WatchRollupsRequest(app_id=APP, rollups=["events"]), timeout=TIMEOUT
    )
    await call.read()
    fields = entry(event())
    store = PostgresCountingStore(PostgresConnector(stores.database_url, service="test"))
    await BatchCounter(
        store, KnownMembers(10), CellIdentity(10), PSEUDONYMS, FixedClock.of_us()
    ).count([stored_batch(fields)], {APP: plan()})
    store.close()
    # Its entry was not acknowledged, and goes to another reader.
    stores.send(fields)
    assert cells_of(await call.read()) == {"events": {"events": 1.0}}
    call.cancel()


async def test_a_watcher_is_told_again_after_redis_dropped_it(
    stores: Stores, aggregate: Aggregate
) -> None:
    call = aggregate.stub.WatchRollups(
        pb.WatchRollupsRequest(app_id=APP, rollups=["events"]), timeout=TIMEOUT
    )
    await call.read()
    stores.redis.client_kill_filter(_type="pubsub")
    stores.send(entry(event()))
    while True:
        if cells_of(await call.read()) == {"events": {"events": 1.0}}:
            break
    call.cancel()


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.WatchRollupsRequest(app_id="chess"), ("NOT_FOUND", "APP_UNKNOWN", "")),
        (
            pb.WatchRollupsRequest(app_id=APP, rollups=["wins"]),
            ("NOT_FOUND", "ROLLUP_UNKNOWN", ""),
        ),
    ],
)
async def test_nobody_watches_what_is_not_there(
    aggregate: Aggregate, request_: pb.WatchRollupsRequest, expected: tuple[str, str, str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.WatchRollups(request_, timeout=TIMEOUT).read()
    assert reason_of(refused.value) == expected


async def test_a_drain_sends_watchers_away(aggregate: Aggregate) -> None:
    call = aggregate.stub.WatchRollups(pb.WatchRollupsRequest(app_id=APP), timeout=TIMEOUT)
    await call.read()
    reading = asyncio.ensure_future(call.read())
    await asyncio.sleep(0.1)
    aggregate.drain()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await reading
    assert reason_of(refused.value) == ("UNAVAILABLE", "DRAINING", "")

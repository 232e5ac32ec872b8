"""Numbers of fewer than five people, for a caller who may see aggregates only and for one who may see all."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from pydantic import SecretStr
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import (
    behaviour_pb2,
    gauge_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    metric_pb2,
    time_frame_pb2,
)
from weir.common.v1 import event_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import write
from tests.integration.aggregate.test_job_results import run
from tests.integration.aggregate.test_person_rollups import ALL, READING, WithToken
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP, CATALOG
from tests.support.recounted_events import store
from tests.support.waiting import until

TIMEOUT = 60
MORE = (
    CATALOG.replace(
        "categories:\n",
        """categories:
  health: {pii: none, producers: [server], retention: {raw: 90d, aggregate: 2y}}
""",
        1,
    )
    .replace("events:\n", "events:\n  service.checked: {category: health}\n", 1)
    .replace(
        "rollups:\n",
        """rollups:
  checks: {events: [service.checked], period: day, metrics: {checks: count}}
  by_guild:
    events: [match.ended]
    period: day
    dimensions: [guild_id]
    metrics: {matches: count, players: {distinct: subject}}
  deeds: {events: ['*'], period: day, metrics: {deeds: count}}
""",
        1,
    )
    + """
metrics:
  guild_matches: {value: by_guild.matches, by: [guild_id]}
  all_matches: {value: by_guild.matches}
  dau: {value: activity.active_users}
gauges:
  playing: {seen: ['*'], within: 2h, by: [guild_id]}
jobs:
  weekly: {every: week, at: '03:00', store: [by_guild, guild_matches]}
"""
)
# A Monday, whose events were received in time.
DAY = (datetime.now(UTC) - timedelta(days=21)).replace(hour=0, minute=0, second=0, microsecond=0)
DAY -= timedelta(days=DAY.weekday())
NEXT = DAY + timedelta(days=1)


def two_days() -> time_frame_pb2.TimeFrame:
    frame = time_frame_pb2.TimeFrame()
    getattr(frame.between, "from").FromDatetime(DAY)
    frame.between.to.FromDatetime(DAY + timedelta(days=2))
    return frame


def played(day: datetime, guild: str, people: int, name: str = "match.ended") -> list[Any]:
    """An event of each of so many people of the guild."""
    when = f"{day:%Y-%m-%dT%H}:20:30"
    return [
        event(name, when=when, player=f"{guild}{number}", guild=guild) for number in range(people)
    ]


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
async def aggregate(stores: Stores, start: Callable[[], Awaitable[Aggregate]]) -> Aggregate:
    """A day of which red has nine people, green seven and blue two; and another of green with six."""
    stores.settings = stores.settings.model_copy(
        update={"auth_token": SecretStr("all"), "read_token": SecretStr("reading")}
    )
    write(stores, MORE)
    found = await start()
    noon = DAY + timedelta(hours=12)
    events: list[event_pb2.Event] = [
        *played(noon, "red", 9),
        *played(noon, "green", 7),
        *played(noon, "blue", 2),
        *played(noon + timedelta(days=1), "green", 6),
        *played(noon + timedelta(hours=1), "red", 6, "match.left"),
        *played(noon + timedelta(hours=1), "green", 3, "match.left"),
    ]
    stores.send(store(stores.database_url, *events, countries=["PT"] * len(events)))
    await stores.until_drained()
    return found


def guilds(cells: Any) -> dict[tuple[str, int], float]:
    """Matches by guild and day of the month."""
    return {
        (cell.dimensions["guild_id"], (cell.bucket_start.ToDatetime(UTC) - DAY).days): cell.metrics[
            "matches"
        ]
        for cell in cells
    }


async def test_a_rollup(aggregate: Aggregate) -> None:
    async def query(token: tuple[str, str], **dimensions: str) -> Any:
        request = pb.QueryRollupRequest(app_id=APP, rollup="by_guild")
        request.dimensions.update(dimensions)
        return await aggregate.stub.QueryRollup(request, metadata=[token])

    everything = await query(ALL)
    assert guilds(everything.cells) == {
        ("red", 0): 9, ("green", 0): 7, ("blue", 0): 2, ("green", 1): 6
    }  # fmt: skip
    assert not everything.reliability.HasField("cut")
    answer = await query(READING)
    # Green goes with blue: what all guilds did is known from `deeds`.
    assert guilds(answer.cells) == {("red", 0): 9, ("green", 1): 6}
    assert (answer.reliability.cut.limit, answer.reliability.cut.value) == ("least_people", 5)
    # Whatever else is asked for, the same cells are withheld.
    assert guilds((await query(READING, guild_id="green")).cells) == {("green", 1): 6}
    assert guilds((await query(READING, guild_id="blue")).cells) == {}


async def test_metrics(aggregate: Aggregate) -> None:
    async def values(token: tuple[str, str], metric: str, **fields: Any) -> Any:
        request = metric_pb2.GetMetricRequest(app_id=APP, metric=metric, **fields)
        request.time.CopyFrom(two_days())
        return await aggregate.stub.GetMetric(request, metadata=[token])

    def by_guild(answer: Any) -> dict[str, float]:
        return {value.dimensions["guild_id"]: value.value for value in answer.values}

    total = await values(ALL, "guild_matches", total=True)
    assert by_guild(total) == {"red": 9, "green": 13, "blue": 2}
    limited = await values(READING, "guild_matches", total=True)
    # Of green's two days one is withheld, and would follow from the other.
    assert by_guild(limited) == {"red": 9}
    assert limited.reliability.cut.limit == "least_people"
    # The sum over guilds is of 18 and of six people.
    for token in (ALL, READING):
        answer = await values(token, "all_matches")
        assert [value.value for value in answer.values] == [18, 6]
        assert not answer.reliability.HasField("cut")


async def test_live_numbers(aggregate: Aggregate, stores: Stores) -> None:
    async def first(token: tuple[str, str]) -> tuple[Any, dict[str, float]]:
        request = pb.WatchRollupsRequest(app_id=APP, rollups=["by_guild"])
        call = aggregate.stub.WatchRollups(request, metadata=[token], timeout=TIMEOUT)
        return call, watched(await call.read())

    def watched(message: Any) -> dict[str, float]:
        return {
            one.cell.dimensions["guild_id"]: one.cell.metrics["matches"] for one in message.cells
        }

    call, seen = await first(READING)
    assert seen == {"green": 6}
    stores.send(store(stores.database_url, *played(NEXT, "blue", 4), *played(NEXT, "red", 8)))
    while "red" not in seen:
        seen |= watched(await call.read())
    assert seen == {"green": 6, "red": 8} or seen == {"red": 8}
    call.cancel()
    other, everything = await first(ALL)
    assert everything == {"green": 6, "red": 8, "blue": 4}
    other.cancel()


async def test_numbers_of_no_person_are_shown_as_few_as_they_are(
    aggregate: Aggregate, stores: Stores
) -> None:
    checked = event("service.checked", when=f"{NEXT:%Y-%m-%dT%H}:20:30", player="")
    stores.send(store(stores.database_url, checked))
    await stores.until_drained()
    query = pb.QueryRollupRequest(app_id=APP, rollup="checks")
    [cell] = (await aggregate.stub.QueryRollup(query, metadata=[READING])).cells
    assert dict(cell.metrics) == {"checks": 1}
    request = pb.WatchRollupsRequest(app_id=APP, rollups=["checks"])
    call = aggregate.stub.WatchRollups(request, metadata=[READING], timeout=TIMEOUT)
    [one] = (await call.read()).cells
    call.cancel()
    assert dict(one.cell.metrics) == {"checks": 1}


async def test_gauges(aggregate: Aggregate, stores: Stores) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    events = [*played(now, "red", 9), *played(now, "blue", 6), *played(now, "green", 3)]
    for one in events:
        one.occurred_at.FromDatetime(now.replace(tzinfo=None))
    stores.send(entry(*events, received_at_us=int(now.timestamp() * 1e6)))

    async def asked(token: tuple[str, str], **dimensions: str) -> Any:
        request = gauge_pb2.QueryGaugesRequest(app_id=APP, gauges=["playing"])
        request.dimensions.update(dimensions)
        [reading] = (await aggregate.stub.QueryGauges(request, metadata=[token])).readings
        return reading

    async def is_counted() -> bool:
        try:
            return bool((await asked(ALL)).value == 18)
        except grpc.aio.AioRpcError:
            return False

    await until(is_counted)
    reading = await asked(READING)
    assert (reading.value, reading.other) == (18, 9)
    [group] = reading.groups
    assert (group.dimensions["guild_id"], group.value) == ("red", 9)
    for guild, value in {"red": 9, "blue": 0, "green": 0}.items():
        one = await asked(READING, guild_id=guild)
        assert one.value == value
        assert one.reliability.HasField("cut") is not bool(value)
        assert (await asked(ALL, guild_id=guild)).value > 0


async def test_behaviour(aggregate: Aggregate) -> None:
    time: Any = {"time": two_days()}
    ended, left = (behaviour_pb2.Step(name=name) for name in ("match.ended", "match.left"))
    funnel = behaviour_pb2.QueryFunnelRequest(app_id=APP, steps=[ended, left], **time)
    # Of 18 people nine went on; of the nine of red six, so three did not.
    answer = await aggregate.stub.QueryFunnel(funnel, metadata=[READING])
    assert [step.people for step in answer.total.steps] == [18, 9]
    funnel.breakdown = "group_id"
    answer = await aggregate.stub.QueryFunnel(funnel, metadata=[ALL])
    assert len(answer.groups) == 3
    answer = await aggregate.stub.QueryFunnel(funnel, metadata=[READING])
    assert [(group.other, [step.people for step in group.steps]) for group in answer.groups] == [
        (True, [18, 9])
    ]
    assert answer.reliability.cut.limit == "least_people"

    paths = behaviour_pb2.QueryPathsRequest(app_id=APP, after_event="match.ended", depth=1, **time)
    paths.gap.seconds = 7_200
    rows = [(row.next, row.people) for row in
            (await aggregate.stub.QueryPaths(paths, metadata=[ALL])).rows]  # fmt: skip
    # Three of red, all of green on one of their days, and the two of blue.
    assert sorted(rows) == [("", 12), ("match.left", 9)]

    cohorts = behaviour_pb2.QueryCohortsRequest(app_id=APP, period=behaviour_pb2.COHORT_PERIOD_DAY)
    [cohort] = (await aggregate.stub.QueryCohorts(cohorts, metadata=[READING])).cohorts
    # All six of the second day were there on the first.
    assert (cohort.size, [point.active for point in cohort.points]) == (18, [18, 6])


def place(cell: Any) -> str:
    return f"{cell.dimensions['guild_id']} {(cell.bucket_start.ToDatetime(UTC) - DAY).days}"


async def test_a_result(aggregate: Aggregate) -> None:
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        await run(WithToken(stub, ALL), (DAY + timedelta(days=7, hours=3)).replace(tzinfo=None))
        request = job_service_pb2.GetJobResultRequest(app_id=APP, job="weekly")
        request.period.FromDatetime(DAY)

        async def asked(token: tuple[str, str]) -> tuple[dict[Any, float], dict[str, Any], Any]:
            answer = await WithToken(stub, token).GetJobResult(request)
            cells = [one.cell for one in answer.cells if one.rollup]
            rows = [one.cell for one in answer.cells if not one.rollup]
            by_guild = {place(row): row.metrics["guild_matches"] for row in rows}
            return guilds(cells), by_guild, answer.reliability

        cells, rows, _ = await asked(ALL)
        assert len(cells) == len(rows) == 4
        cells, rows, reliability = await asked(READING)
        assert cells == {("red", 0): 9, ("green", 1): 6}
        assert rows == {"red 0": 9, "green 1": 6}
        assert reliability.cut.limit == "least_people"


async def test_the_catalog_says_how_many(aggregate: Aggregate, stores: Stores) -> None:
    write(stores, MORE + "least_people: 1\n")

    async def is_open() -> bool:
        request = pb.QueryRollupRequest(app_id=APP, rollup="by_guild")
        answer = await aggregate.stub.QueryRollup(request, metadata=[READING])
        return len(answer.cells) == 4

    await until(is_open)

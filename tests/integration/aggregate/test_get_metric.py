"""GetMetric, and `weir query metric`, of a running service."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result
from weir.aggregate.v1 import aggregate_service_pb2 as service_pb
from weir.aggregate.v1 import metric_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from cli.commands.query import app
from libs.stores.postgres import create_engine
from services.aggregate.results.model import ResultPeriod, result_jobs
from services.aggregate.results.postgres import PostgresResults
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP, CATALOG, compile_arena
from tests.support.rejections import reason_of
from tests.support.waiting import until

METRICS = """
metrics:
  wau: {value: {of: activity.active_users, window: 7d}}
  per_match: {ratio: [matches.score, matches.matches], period: week, by: [guild_id, mode]}
  month: {value: activity.active_users, period: month}
jobs:
  weekly: {every: week, at: "03:00", store: [per_match]}
"""
WEEK = ("--from", "2026-04-27", "--to", "2026-04-27")


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
def stores(stores: Stores) -> Stores:
    (stores.settings.catalogs / f"{APP}.yaml").write_text(CATALOG + METRICS)
    return stores


@pytest.fixture
async def events(stores: Stores, aggregate: Aggregate) -> None:
    stores.send(
        entry(
            event(player="ann", guild="g1", properties={"score": 2.5, "mode": "duel"}),
            event(player="ann", guild="g1", properties={"score": 7.5, "mode": "duel"}),
            event(player="bob", guild="g2", properties={"score": 4, "mode": None}),
            event("match.left", "2026-05-01T12:00:00", player="ann"),
            event("match.left", "2026-05-03T12:00:00", player="cat"),
        )
    )
    await stores.until_drained()


def asked(metric: str, start: str, end: str, **more: Any) -> pb.GetMetricRequest:
    request = pb.GetMetricRequest(app_id=APP, metric=metric, **more)
    request.time.between.to.FromJsonString(f"{end}T00:00:00Z")
    getattr(request.time.between, "from").FromJsonString(f"{start}T00:00:00Z")
    return request


async def test_a_metric_page_by_page(aggregate: Aggregate, events: None) -> None:
    """On April 27 ann and bob play, on May 1 ann, on May 3 cat."""
    request = asked("wau", "2026-05-01", "2026-05-06", page_size=2)
    found: list[pb.MetricValue] = []
    while True:
        answer = await aggregate.stub.GetMetric(request, timeout=20)
        found += answer.values
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert [value.value for value in found] == [2, 2, 3, 2, 2]
    assert found[0].period_start.ToJsonString() == "2026-05-01T00:00:00Z"
    assert found[0].period_end.ToJsonString() == "2026-05-02T00:00:00Z"
    assert [value.data_points for value in found] == [3, 3, 4, 2, 2]
    assert {value.confidence for value in found} == {pb.CONFIDENCE_LOW}
    assert answer.sampling_rate == 1
    request.time.between.to.FromJsonString("2026-05-07T00:00:00Z")
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await aggregate.stub.GetMetric(request, timeout=20)
    assert reason_of(rejection.value)[1] == "PAGE_TOKEN_INVALID"
    wrong = {
        "time": asked("wau", "0001-01-01", "2026-05-01"),
        "dimensions": asked("wau", "2026-05-01", "2026-05-02", dimensions={"mode": "duel"}),
        "total": asked("wau", "2026-05-01", "2026-05-02", total=True),
        "page_size": asked("wau", "2026-05-01", "2026-05-02", page_size=1_001),
        "time.between.from": asked("wau", "2026-05-02", "2026-05-01"),
    }
    for field, request in wrong.items():
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await aggregate.stub.GetMetric(request, timeout=20)
        assert reason_of(rejection.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", field)


async def test_old_values_are_final(aggregate: Aggregate, events: None) -> None:
    answers: list[pb.GetMetricResponse] = []

    async def is_known() -> bool:
        answer = await aggregate.stub.GetMetric(asked("month", "2026-04-01", "2026-06-01"))
        answers.append(answer)
        return bool(answer.reliability.HasField("watermark"))

    await until(is_known)
    final = reliability_pb2.COMPLETENESS_FINAL
    assert [value.completeness for value in answers[-1].values] == [final, final]
    assert [value.value for value in answers[-1].values] == [2, 2]
    assert answers[-1].reliability.completeness == final
    now = pb.GetMetricRequest(app_id=APP, metric="month")
    now.time.last = "1h"
    answer = await aggregate.stub.GetMetric(now)
    assert answer.values[-1].completeness == reliability_pb2.COMPLETENESS_PROVISIONAL
    # Without a time: the newest period that has ended, of which nothing is here.
    [value] = (
        await aggregate.stub.GetMetric(pb.GetMetricRequest(app_id=APP, metric="month"))
    ).values
    assert (value.HasField("value"), value.value, value.data_points) == (True, 0, 0)


async def test_no_value_of_a_replica_is_final(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    """The numbers come from a server that says that it is in recovery; QueryRollup reads the primary."""
    function = (
        "CREATE FUNCTION standby.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'"
    )
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("CREATE SCHEMA standby")
        connection.execute(function)
        connection.execute("GRANT USAGE ON SCHEMA standby TO PUBLIC")
    url = stores.settings.database_url.get_secret_value()
    url += f"{'&' if '?' in url else '?'}options=-csearch_path%3Dstandby,pg_catalog"
    stores.settings = stores.settings.model_copy(update={"read_database_url": SecretStr(url)})
    aggregate = await start()
    cells = service_pb.QueryRollupRequest(app_id=APP, rollup="matches")

    async def is_known() -> bool:
        answer = await aggregate.stub.QueryRollup(cells)
        return bool(answer.reliability.HasField("watermark"))

    await until(is_known)
    answer = await aggregate.stub.GetMetric(asked("month", "2026-04-01", "2026-06-01"))
    provisional = reliability_pb2.COMPLETENESS_PROVISIONAL
    assert [value.completeness for value in answer.values] == [provisional] * 2
    assert answer.reliability.completeness == provisional
    assert not answer.reliability.HasField("watermark")


async def run(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(
        lambda: CliRunner().invoke(app, ["metric", "--app", APP, *arguments])
    )


async def test_the_result_of_a_job(stores: Stores, events: None, home: Path) -> None:
    """What the job stores of the week, as a table, JSON and CSV."""
    # The service runs the job too, for the newest week.
    weekly = ("--job", "weekly", "--period", "2026-05-03")
    unknown = await result(*weekly)
    assert unknown.exit_code == 1
    assert "RESULT_UNKNOWN" in unknown.stderr
    [job] = result_jobs(compile_arena(lambda text: text + METRICS))
    monday = datetime(2026, 4, 27, tzinfo=UTC)
    period = ResultPeriod(monday, monday + timedelta(weeks=1))
    engine = create_engine(stores.settings.database_url.get_secret_value(), service="aggregate")
    await PostgresResults(engine).write(job, period, watermark=None, is_final=True)
    await engine.dispose()
    found = json.loads((await result(*weekly, "--json")).stdout)
    assert (found["period_start"], found["completeness"]) == ("2026-04-27T00:00:00Z", "final")
    assert {cell["metrics"]["per_match"] for cell in found["cells"]} == {5, 4}
    lines = (await result(*weekly, "--csv")).stdout.splitlines()
    assert lines[0] == "rollup,from,guild_id,mode,number,value"
    assert {line for line in lines if ",per_match," in line} == {
        ",2026-04-27T00:00:00Z,g1,duel,per_match,5",
        ",2026-04-27T00:00:00Z,g2,,per_match,4",
    }
    table = (await result(*weekly)).stdout.splitlines()
    assert table[0] == "2026-04-27T00:00:00Z to 2026-05-04T00:00:00Z, final"
    assert table[2] == "metrics"
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in table]
    titles, *shown = [row for row in rows if row]
    assert titles[:4] == ["from", "guild_id", "mode", "per_match"]
    assert {tuple(row[1:4]) for row in shown} == {("g1", "duel", "5"), ("g2", "-", "4")}


async def result(*arguments: str) -> Result:
    return await asyncio.to_thread(
        lambda: CliRunner().invoke(app, ["result", "--app", APP, *arguments])
    )


async def test_the_command(events: None, home: Path) -> None:
    found = await run("--metric", "per_match", *WEEK, "--json")
    head = json.loads(found.stdout)
    values = head.pop("values")
    assert [(each["dimensions"], each["value"]) for each in values] == [
        ({"guild_id": "g1", "mode": "duel"}, 5),
        ({"guild_id": "g2", "mode": None}, 4),
    ]
    assert values[0]["breakdown"] == {"numerator": 10, "denominator": 2}
    assert values[0]["data_points"] == 2
    assert values[0]["confidence"] == "low"
    assert head["sampling_rate"] == 1
    lines = (await run("--metric", "per_match", *WEEK, "--csv")).stdout.splitlines()
    # Numbers of the past become final as soon as the watermark is known, perhaps since the answer before.
    assert [line.replace("provisional", "final") for line in lines] == [
        "from,guild_id,mode,value,denominator,numerator,data_points,confidence,completeness",
        "2026-04-27T00:00:00Z,g1,duel,5,2,10,2,low,final",
        "2026-04-27T00:00:00Z,g2,,4,1,4,1,low,final",
    ]
    both = await run("--metric", "per_match", "--csv", "--json")
    assert (both.exit_code, both.stderr) == (2, "--json and --csv: only one of them\n")
    one = await run("--metric", "per_match", *WEEK, "--where", "mode=", "--json")
    assert [each["value"] for each in json.loads(one.stdout)["values"]] == [4]
    total = await run("--metric", "per_match", *WEEK, "--total", "--where", "guild_id=g1")
    assert " 5 " in total.stdout
    for arguments in (("--last", "7d", *WEEK), ("--from", "x")):
        assert (await run("--metric", "wau", *arguments)).exit_code == 2
    unknown = await run("--metric", "wua")
    assert unknown.exit_code == 1
    assert "METRIC_UNKNOWN" in unknown.stderr
    assert "wau" in unknown.stderr

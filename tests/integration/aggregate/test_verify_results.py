"""VerifyJobResults and `weir jobs verify`: stored results beside what they come to now."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import grpc
import psycopg
import pytest
from typer import Typer
from typer.testing import CliRunner
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc

from cli.commands.jobs import app
from cli.commands.query import app as query
from services.aggregate.results.verification import postgres, service
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_job_results import run
from tests.integration.aggregate.test_recount import backfill, until_recounted
from tests.integration.aggregate.test_verify import change, count, verify
from tests.support.aggregate_batches import event
from tests.support.arena_catalog import APP, CATALOG
from tests.support.rejections import details_of, reason_of

JOBS = """
metrics:
  mean_score: {ratio: [matches.score, matches.matches], period: week, by: [guild_id]}
  keen: {counts: [match.*]}
jobs:
  weekly: {every: week, at: '03:00', store: [matches, mean_score], catch_up: newest}
  people: {every: day, at: '02:00', store: [keen], catch_up: newest}
"""
TIMEOUT = 60


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
def stores(stores: Stores) -> Stores:
    """Nothing is sealed, however old: the week of 2026-04-27."""
    text = CATALOG.replace("raw: 90d", "raw: keep") + JOBS
    (stores.settings.catalogs / f"{APP}.yaml").write_text(text)
    return stores


async def write_results(aggregate: Aggregate) -> None:
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        assert (await run(stub, datetime(2026, 5, 4, 3))).outcome == pb.JOB_OUTCOME_SUCCEEDED


async def check(aggregate: Aggregate, *jobs: str) -> tuple[list[tuple[Any, ...]], tuple[int, ...]]:
    """The differences, and results compared, different, values compared, different, results outdated."""
    request = pb.VerifyJobResultsRequest(app_id=APP, jobs=jobs or ("weekly",))
    # The service's own run stores the week before this one.
    getattr(request, "from").FromDatetime(datetime(2026, 4, 27))
    request.to.FromDatetime(datetime(2026, 5, 4))
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        *found, last = [one async for one in stub.VerifyJobResults(request, timeout=TIMEOUT)]
    summary = last.summary
    return [
        (
            one.difference.rollup,
            one.difference.metric,
            one.difference.stored,
            one.difference.computed,
        )
        for one in found
    ], (
        summary.results_compared,
        summary.results_different,
        summary.values_compared,
        summary.values_different,
        summary.results_outdated,
    )


async def weir_jobs(*arguments: str) -> Any:
    """The command in a thread, because the service is in this one."""
    week = ("--from", "2026-04-27", "--to", "2026-05-03")
    return await terminal(app, *arguments, "--app", APP, *week)


async def terminal(commands: Typer, *arguments: str) -> Any:
    return await asyncio.to_thread(lambda: CliRunner().invoke(commands, arguments))


async def test_results_are_what_the_stored_events_come_to(
    stores: Stores, aggregate: Aggregate, home: object
) -> None:
    await count(
        stores,
        event(player="ann", guild="g1", properties={"score": 2.5}),
        event(player="bob", guild="g1", properties={"score": 7.5}),
        event(player="cat", guild="g2"),
    )
    await write_results(aggregate)
    # By hand: of g1 six numbers of the rollup, of g2 two; of the metric and each guild its value, the two
    # numbers that it is made of, data points and confidence.
    values = 6 + 2 + 2 * 5
    assert await check(aggregate) == ([], (1, 0, values, 0, 0))
    # With the rollups, which are what the events come to, all numbers are.
    assert (await verify(aggregate))[0] == []
    done = await weir_jobs("verify", "--job", "weekly")
    assert (done.exit_code, done.stdout) == (0, "1 result compared, 0 differ\n"), done.stderr

    wrong = """
        UPDATE aggregate.result_cells SET metrics = metrics || '{"score": 11}'
        WHERE rollup = 'matches' AND dimensions ->> 'guild_id' = 'g1'
    """
    assert change(stores, wrong) == 1
    assert await check(aggregate) == ([("matches", "score", 11, 10)], (1, 1, values, 1, 0))
    found = await weir_jobs("verify", "--job", "weekly")
    assert found.exit_code == 1
    assert found.stdout.splitlines()[0].endswith("score: stored 11, computed 10")
    assert found.stdout.splitlines()[-1] == "1 result compared, 1 differ"

    # A cell that is gone, and one more.
    gone = "DELETE FROM aggregate.result_cells WHERE dimensions ->> 'guild_id' = 'g1'"
    assert change(stores, f"{gone} AND rollup = 'matches'") == 1
    differences, (_, different, _, values_different, _) = await check(aggregate)
    assert (different, values_different) == (1, 6)
    assert {(stored, metric) for _, metric, stored, _ in differences} >= {(0, "score")}


async def test_a_statement_that_takes_too_long(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    stores.settings = stores.settings.model_copy(update={"verify_statement_seconds": 0.1})
    aggregate = await start()
    await count(stores, event(player="ann", guild="g1"))
    await write_results(aggregate)
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("LOCK TABLE aggregate.result_cells IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await check(aggregate)
    assert reason_of(caught.value)[:2] == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT")
    assert details_of(caught.value).metadata["limit"] == "verify_statement_seconds"
    assert (await check(aggregate))[1][:2] == (1, 0)


async def test_more_than_is_listed_or_fits_into_memory(
    stores: Stores, aggregate: Aggregate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await count(stores, *(event(player="ann", guild=guild) for guild in ("g1", "g2")))
    await write_results(aggregate)
    wrong = """
        UPDATE aggregate.result_cells SET metrics = metrics || '{"matches": 5}' WHERE rollup = 'matches'
    """
    assert change(stores, wrong) == 2
    monkeypatch.setattr(service, "MAX_LISTED", 1)
    differences, (_, different, _, values_different, _) = await check(aggregate)
    assert differences == [("matches", "matches", 5, 1)]
    assert (different, values_different) == (1, 2)
    # Two of the rollup, and two of the metric.
    monkeypatch.setattr(postgres, "MAX_CELLS", 3)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(aggregate)
    assert reason_of(caught.value)[:2] == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert details_of(caught.value).metadata["limit"] == "max_cells"


async def test_large_numbers_in_dimensions(stores: Stores, aggregate: Aggregate) -> None:
    await count(stores, event(player="ann", guild="g1", properties={"mode": 2.0**70, "score": 1}))
    await write_results(aggregate)
    assert (await check(aggregate))[1][:2] == (1, 0)


async def test_a_result_that_says_that_it_is_out_of_date_is_not_compared(
    stores: Stores, aggregate: Aggregate, home: object
) -> None:
    await count(stores, event(player="ann", guild="g1", properties={"score": 2.5}))
    await write_results(aggregate)
    await count(stores, event(player="bob", guild="g1"))
    assert await check(aggregate) == ([], (0, 0, 0, 0, 1))
    done = await weir_jobs("verify", "--job", "weekly")
    assert done.exit_code == 3
    assert done.stdout.splitlines() == [
        "1 result out of date until the job runs again",
        "0 results compared, 0 differ",
    ]
    # The terminal names the command that writes it again: of the week that ends on May 4.
    shown = await terminal(query, *f"result --app {APP} --job weekly --period 2026-05-03".split())
    command = f"weir jobs run aggregate.{APP}.weekly --due 2026-05-04"
    assert shown.stderr.splitlines()[0] == f"out of date; to write it again: {command}"
    written = await terminal(app, *command.split()[2:])
    assert written.exit_code == 0, written.stderr
    assert (await check(aggregate))[1][:2] == (1, 0)
    # A recount gives cells other ids; the numbers are the same.
    await backfill(aggregate, "matches")
    await until_recounted(aggregate)
    assert (await check(aggregate))[1][4] == 1
    await write_results(aggregate)
    assert (await check(aggregate))[1][:2] == (1, 0)
    unknown = await weir_jobs("verify", "--job", "wekly")
    assert unknown.exit_code == 1
    assert "JOB_UNKNOWN" in unknown.stderr

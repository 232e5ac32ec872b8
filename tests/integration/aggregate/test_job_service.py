"""JobService on a real journal: what is listed, runs by hand, and what `weir jobs` shows by it."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2
from typer.testing import CliRunner, Result
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc

from cli.commands.jobs import app
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.rejections import aio_rpc_status, reason_of
from tests.support.waiting import until

PRUNING = "aggregate.prune_batches"
OF_APP = f"enrich.{APP}.count"


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
async def calls(aggregate: Aggregate, stores: Stores) -> Any:
    """JobService of a running aggregate. Of enrich, which does not run, there are three jobs: one is about
    the app, one about an app whose name begins alike, and one about none; each has a failed run."""
    names = (OF_APP, f"enrich.{APP}2.count", "enrich.count")
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        for number, name in enumerate(names):
            connection.execute(
                "INSERT INTO jobs.jobs VALUES (%s, 'enrich', 'Counts.', '0 2 * * 1', 'each')",
                [name],
            )
            # The oldest runs of all: UUIDv7 sort by time.
            connection.execute(
                "INSERT INTO jobs.runs (id, job, trigger, due_at, outcome, counts, error_type)"
                " VALUES (%s, %s, 'schedule', '2026-11-16T02:00Z', 'failed', '{\"seen\": 3}', 'OSError')",
                [uuid.UUID(int=number + 1), name],
            )
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        stub: Any = job_service_pb2_grpc.JobServiceStub(channel)
        await until(lambda: stores.sql(f"SELECT name FROM jobs.jobs WHERE name = '{PRUNING}'"))
        yield stub


async def test_jobs_page_by_page(calls: Any) -> None:
    request, found = pb.ListJobsRequest(page_size=2), list[pb.Job]()
    while True:
        page = await calls.ListJobs(request)
        assert 1 <= len(page.jobs) <= 2
        found += page.jobs
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    names = [job.name for job in found]
    assert names == sorted(names)
    assert {PRUNING, OF_APP, f"enrich.{APP}2.count", "enrich.count"} <= set(names)
    everything = await calls.ListJobs(pb.ListJobsRequest())
    assert [job.name for job in everything.jobs] == names
    assert everything.next_page_token == ""


async def test_jobs_and_runs_of_an_app(calls: Any) -> None:
    [job] = (await calls.ListJobs(pb.ListJobsRequest(app_id=APP))).jobs
    assert (job.name, job.app_id, job.schedule) == (OF_APP, APP, "0 2 * * 1")
    assert job.catch_up == pb.CATCH_UP_EACH
    due = job.next_due_at.ToDatetime(tzinfo=UTC)
    assert due > datetime.now(UTC)
    assert (due.isoweekday(), due.hour, due.minute) == (1, 2, 0)
    [run] = (await calls.ListJobRuns(pb.ListJobRunsRequest(app_id=APP))).runs
    assert run == job.newest_run
    assert (run.run_id, run.job) == (str(uuid.UUID(int=1)), OF_APP)
    assert (run.trigger, run.outcome) == (pb.JOB_TRIGGER_SCHEDULE, pb.JOB_OUTCOME_FAILED)
    assert (dict(run.counts), run.error_type) == ({"seen": 3}, "OSError")
    assert run.due_at.ToDatetime(tzinfo=UTC) == datetime(2026, 11, 16, 2, tzinfo=UTC)
    assert not run.HasField("started_at")
    # A run of another app is not found by its id either.
    other = pb.ListJobRunsRequest(app_id=APP, run_id=str(uuid.UUID(int=2)))
    assert not (await calls.ListJobRuns(other)).runs


async def test_a_run_by_hand_for_any_due_time(calls: Any) -> None:
    request = pb.RunJobRequest(job=PRUNING)
    request.due_at.FromDatetime(datetime(2025, 3, 1, 5))
    asked = pb.ListJobRunsRequest(run_id=(await calls.RunJob(request)).run_id)

    async def ended() -> bool:
        [run] = (await calls.ListJobRuns(asked)).runs
        return bool(run.HasField("finished_at"))

    await until(ended)
    [run] = (await calls.ListJobRuns(asked)).runs
    assert (run.job, run.trigger) == (PRUNING, pb.JOB_TRIGGER_MANUAL)
    assert (run.outcome, run.error_type) == (pb.JOB_OUTCOME_SUCCEEDED, "")
    assert run.due_at.ToDatetime() == datetime(2025, 3, 1, 5)
    assert run.counts["deleted"] == 0

    newest_first: list[str] = []
    pages = pb.ListJobRunsRequest(page_size=1)
    while True:
        page = await calls.ListJobRuns(pages)
        newest_first += [found.run_id for found in page.runs]
        pages.page_token = page.next_page_token
        if not pages.page_token:
            break
    assert newest_first == sorted(newest_first, reverse=True)
    assert newest_first[-3:] == [str(uuid.UUID(int=number)) for number in (3, 2, 1)]


async def test_runs_by_hand_are_bounded_and_not_for_the_future(calls: Any, stores: Stores) -> None:
    """Of a job of enrich, which does not run: what is asked for waits."""
    later = pb.RunJobRequest(job=OF_APP)
    later.due_at.FromDatetime(datetime(2126, 1, 1))
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await calls.RunJob(later)
    assert reason_of(rejection.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "due_at")

    newest = pb.RunJobRequest(job=OF_APP)
    newest.due_at.FromDatetime(datetime(2026, 11, 16, 2))
    assert (await calls.RunJob(newest)).run_id == (await calls.RunJob(newest)).run_id
    stores.sql(
        "INSERT INTO jobs.runs (id, job, trigger, due_at, outcome)"
        f" SELECT gen_random_uuid(), '{OF_APP}', 'manual', now() - n * interval '1 day', 'requested'"
        " FROM generate_series(1, 99) AS n RETURNING 1"
    )
    more = pb.RunJobRequest(job=OF_APP)
    more.due_at.FromDatetime(datetime(2025, 1, 1))
    with pytest.raises(grpc.aio.AioRpcError) as exhausted:
        await calls.RunJob(more)
    assert reason_of(exhausted.value) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", "")
    status, retry = aio_rpc_status(exhausted.value), error_details_pb2.RetryInfo()
    assert status is not None
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.ToMilliseconds() > 0


@pytest.mark.parametrize(
    ("rpc", "request_message", "expected"),
    [
        ("RunJob", pb.RunJobRequest(job="enrich.nothing"), ("NOT_FOUND", "JOB_UNKNOWN", "")),
        ("RunJob", pb.RunJobRequest(), ("NOT_FOUND", "JOB_UNKNOWN", "")),
        ("RunJob", pb.RunJobRequest(job="a.b\0"), ("NOT_FOUND", "JOB_UNKNOWN", "")),
        # It is there, and not about this app.
        ("RunJob", pb.RunJobRequest(app_id=APP, job=PRUNING), ("NOT_FOUND", "JOB_UNKNOWN", "")),
        ("ListJobs", pb.ListJobsRequest(app_id="golf"), ("NOT_FOUND", "APP_UNKNOWN", "")),
        (
            "ListJobRuns",
            pb.ListJobRunsRequest(run_id="7"),
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "run_id"),
        ),
        (
            "ListJobRuns",
            pb.ListJobRunsRequest(page_size=1_001),
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "page_size"),
        ),
        (
            "ListJobs",
            pb.ListJobsRequest(page_token="x"),
            ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token"),
        ),
    ],
)
async def test_mistakes_say_what_is_wrong(
    calls: Any, rpc: str, request_message: Any, expected: tuple[str, str, str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await getattr(calls, rpc)(request_message)
    assert reason_of(rejection.value) == expected


async def test_the_command_asks_the_service(calls: Any, home: object) -> None:
    listed = await jobs("list", "--json")
    shown = {job["name"]: job for job in json.loads(listed.stdout)}
    assert shown[OF_APP]["newest"]["counts"] == {"seen": 3}
    assert shown[OF_APP]["catch_up"] == "each"
    ran = await jobs("run", PRUNING, "--due", "2025-03-02T06:00")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.startswith(f"{PRUNING} for 2025-03-02T06:00:00Z: succeeded deleted=0")
    [run] = json.loads((await jobs("runs", PRUNING, "--limit", "1", "--json")).stdout)
    assert (run["trigger"], run["outcome"]) == ("manual", "succeeded")
    assert run["due_at"] == "2025-03-02T06:00:00Z"
    unknown = await jobs("run", "enrich.nothing")
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (2, 1)
    assert OF_APP in unknown.stderr


async def jobs(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments))

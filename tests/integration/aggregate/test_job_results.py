"""GetJobResult of a running service: a result worked out by hand, page by page, and written again."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from weir.aggregate.v1 import job_service_pb2 as pb
from weir.aggregate.v1 import job_service_pb2_grpc, reliability_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP, CATALOG
from tests.support.rejections import reason_of
from tests.support.waiting import until

JOBS = """
jobs:
  weekly: {every: week, at: '03:00', store: [matches, activity], catch_up: newest}
"""
# By hand, from the events below: two days of activity, then the two cells of the week.
CELLS = {
    ("activity", "2026-04-27"): ({}, {"active_users": 2}),
    ("activity", "2026-04-29"): ({}, {"active_users": 1}),
    ("matches", "g1"): (
        {"guild_id": "g1", "mode": "duel"},
        {"matches": 2, "players": 1, "score": 10, "mean": 5, "worst": 2.5, "best": 7.5},
    ),
    ("matches", "g2"): ({"guild_id": "g2", "mode": None}, {"matches": 1, "players": 1}),
}


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
async def calls(stores: Stores, start: Callable[[], Awaitable[Aggregate]]) -> Any:
    (stores.settings.catalogs / f"{APP}.yaml").write_text(CATALOG + JOBS)
    aggregate = await start()
    stores.send(
        entry(
            event(player="ann", guild="g1", properties={"score": 2.5, "mode": "duel"}),
            event(player="ann", guild="g1", properties={"score": 7.5, "mode": "duel"}),
            event(player="bob", guild="g2", properties={"mode": None}),
            event("match.left", "2026-04-29T12:00:00", player="ann"),
            # Of the week before.
            event("match.left", "2026-04-26T23:59:59", player="cat"),
        )
    )
    await stores.until_drained()
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        yield job_service_pb2_grpc.JobServiceStub(channel)


async def run(calls: Any, due_at: datetime) -> pb.JobRun:
    """The job, run for a due time."""
    request = pb.RunJobRequest(app_id=APP, job=f"aggregate.{APP}.weekly")
    request.due_at.FromDatetime(due_at)

    async def asked() -> bool:
        # The service registers it within moments.
        listed = await calls.ListJobs(pb.ListJobsRequest(app_id=APP))
        return bool(listed.jobs)

    await until(asked)
    runs = pb.ListJobRunsRequest(app_id=APP, run_id=(await calls.RunJob(request)).run_id)

    async def ended() -> bool:
        return bool((await calls.ListJobRuns(runs)).runs[0].HasField("finished_at"))

    await until(ended)
    answer: pb.JobRun = (await calls.ListJobRuns(runs)).runs[0]
    return answer


def shown(cells: Any) -> dict[tuple[str, str], Any]:
    found = {}
    for one in cells:
        dimensions = json_format.MessageToDict(one.cell.dimensions)
        bucket = one.cell.bucket_start.ToDatetime(tzinfo=UTC)
        key = dimensions.get("guild_id") or f"{bucket:%Y-%m-%d}"
        found[one.rollup, key] = (dimensions, dict(one.cell.metrics))
    return found


async def test_a_week(calls: Any, stores: Stores) -> None:
    # Any time of the next week names it: here the due time itself.
    assert (await run(calls, datetime(2026, 5, 4, 3))).outcome == pb.JOB_OUTCOME_SUCCEEDED
    request = pb.GetJobResultRequest(app_id=APP, job="weekly")
    request.period.FromDatetime(datetime(2026, 4, 30))
    whole = await calls.GetJobResult(request)
    assert shown(whole.cells) == CELLS
    assert [cell.rollup for cell in whole.cells] == ["activity"] * 2 + ["matches"] * 2
    assert whole.period_start.ToDatetime() == datetime(2026, 4, 27)
    assert whole.period_end.ToDatetime() == datetime(2026, 5, 4)
    assert (whole.total_cells, whole.next_page_token) == (4, "")

    # It is final, if not at once then when it was run again with a watermark.
    async def final() -> Any:
        await run(calls, datetime(2026, 5, 4, 3))
        answer = await calls.GetJobResult(request)
        return (
            answer
            if answer.reliability.completeness == reliability_pb2.COMPLETENESS_FINAL
            else None
        )

    await until(final)
    again = await calls.GetJobResult(request)
    assert shown(again.cells) == CELLS
    assert again.revision > whole.revision
    assert again.reliability.HasField("watermark")
    assert again.reliability.watermark.ToDatetime() < again.reliability.calculated_at.ToDatetime()

    # Page by page.
    paged, found = pb.GetJobResultRequest(page_size=1), []
    paged.MergeFrom(request)
    while True:
        page = await calls.GetJobResult(paged)
        found += page.cells
        if len(found) == 1:
            after_first = page.next_page_token
        paged.page_token = page.next_page_token
        if not paged.page_token:
            break
    assert found == list(again.cells)

    # A page of a result that was written again meanwhile would mix two.
    assert (await run(calls, datetime(2026, 5, 9))).outcome == pb.JOB_OUTCOME_SUCCEEDED
    paged.page_token = after_first
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await calls.GetJobResult(paged)
    assert reason_of(rejection.value) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


async def test_a_late_event_makes_a_result_outdated_until_the_next_run(
    calls: Any, stores: Stores
) -> None:
    assert (await run(calls, datetime(2026, 5, 4, 3))).outcome == pb.JOB_OUTCOME_SUCCEEDED
    request = pb.GetJobResultRequest(app_id=APP, job="weekly")
    request.period.FromDatetime(datetime(2026, 4, 30))
    before = await calls.GetJobResult(request)
    assert not before.is_outdated
    # One more match of g2 on the Monday, by a person of whom nothing was known.
    stores.send(entry(event(player="dan", guild="g2", properties={"mode": None, "score": 4})))
    await stores.until_drained()
    outdated = await calls.GetJobResult(request)
    assert outdated.is_outdated
    assert outdated.reliability.completeness == reliability_pb2.COMPLETENESS_PROVISIONAL
    # It still has what was known when it was written.
    assert (outdated.revision, outdated.cells) == (before.revision, before.cells)

    # That of the week after writes this one again as well, and that of the sixth week after leaves it.
    counts = dict((await run(calls, datetime(2026, 5, 11, 3))).counts)
    assert (counts["cells"], counts["rewritten"]) == (0, 1)
    written = await calls.GetJobResult(request)
    assert (written.is_outdated, written.revision) == (False, before.revision + 1)
    assert shown(written.cells) == {
        **CELLS,
        ("activity", "2026-04-27"): ({}, {"active_users": 3}),
        ("matches", "g2"): (
            {"guild_id": "g2", "mode": None},
            {"matches": 2, "players": 2, "score": 4, "mean": 4, "worst": 4, "best": 4},
        ),
    }
    stores.send(entry(event(player="eve", guild="g2", properties={"mode": None})))
    await stores.until_drained()
    assert dict((await run(calls, datetime(2026, 6, 8, 3))).counts)["rewritten"] == 0
    assert (await calls.GetJobResult(request)).is_outdated


async def test_a_period_without_events_has_a_result_without_cells(calls: Any) -> None:
    assert dict((await run(calls, datetime(2026, 5, 11))).counts)["cells"] == 0
    request = pb.GetJobResultRequest(app_id=APP, job="weekly")
    request.period.FromDatetime(datetime(2026, 5, 4))
    answer = await calls.GetJobResult(request)
    assert (answer.total_cells, list(answer.cells)) == (0, [])
    # The runner's name of the job is understood as well.
    request.job = f"aggregate.{APP}.weekly"
    assert await calls.GetJobResult(request) == answer


async def test_a_result_that_is_not_there(calls: Any) -> None:
    """Which periods have one, and which jobs there are."""
    await run(calls, datetime(2026, 5, 11))
    request = pb.GetJobResultRequest(app_id=APP, job="weekly")
    request.period.FromDatetime(datetime(2026, 4, 1))
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await calls.GetJobResult(request)
    assert reason_of(rejection.value) == ("NOT_FOUND", "RESULT_UNKNOWN", "")
    said = rejection.value.details() or ""
    assert said.startswith("the job has no result of this period; its newest are of the periods")
    assert "2026-05-04T00:00Z" in said
    request.job = f"aggregate.{APP}.daily"
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await calls.GetJobResult(request)
    assert reason_of(rejection.value) == ("NOT_FOUND", "JOB_UNKNOWN", "")
    assert rejection.value.details() == ("the app's catalog declares no such job; there are weekly")


@pytest.mark.parametrize(
    ("request_message", "expected"),
    [
        (pb.GetJobResultRequest(app_id="golf", job="weekly"), ("NOT_FOUND", "APP_UNKNOWN", "")),
        (pb.GetJobResultRequest(app_id=APP, job="daily"), ("NOT_FOUND", "JOB_UNKNOWN", "")),
        (pb.GetJobResultRequest(app_id=APP, job="a\0"), ("NOT_FOUND", "JOB_UNKNOWN", "")),
        (
            pb.GetJobResultRequest(app_id=APP, job="weekly", page_size=10_001),
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "page_size"),
        ),
    ],
)
async def test_mistakes(calls: Any, request_message: Any, expected: tuple[str, str, str]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as rejection:
        await calls.GetJobResult(request_message)
    assert reason_of(rejection.value) == expected

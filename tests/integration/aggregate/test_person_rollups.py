"""Rollups by person: counted under a pseudonym, and read by those alone who may see single people."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from pydantic import SecretStr
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import (
    event_query_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    verify_pb2,
)

from libs.streams.names import AUDIT_STREAM
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import write
from tests.integration.aggregate.test_job_results import run
from tests.integration.aggregate.test_recount import backfill, count, played
from tests.integration.aggregate.test_verify import ADD_ONE, change
from tests.support.arena_catalog import APP, CATALOG
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of
from tests.support.waiting import until

TIMEOUT = 60
BY_PERSON = "least_people: 1\n" + CATALOG.replace(
    "rollups:\n",
    """rollups:
  deeds:
    events: [match.ended, match.left]
    period: day
    dimensions: [guild_id, person, name]
    metrics: {count: count}
""",
    1,
)
JOBS = "jobs:\n  weekly: {every: week, at: '03:00', store: [deeds, activity]}\n"
DAY = (datetime.now(UTC) - timedelta(days=21)).replace(hour=0, minute=0, second=0, microsecond=0)
AT = f"{DAY:%Y-%m-%d}T10:20:30"
ANN, BOB = (PSEUDONYMS.pseudonym(APP, name) for name in ("ann", "bob"))
ALL, READING = ("authorization", "Bearer all"), ("authorization", "Bearer reading")


class Suite:
    """A service with two tokens."""

    def __init__(self, stores: Stores, aggregate: Aggregate) -> None:
        self.stores, self.aggregate = stores, aggregate

    async def query(self, token: tuple[str, str], **dimensions: str) -> list[tuple[Any, ...]]:
        request = pb.QueryRollupRequest(app_id=APP, rollup="deeds")
        request.dimensions.update(dimensions)
        answer = await self.aggregate.stub.QueryRollup(request, metadata=[token])
        return sorted(
            (*sorted(json_format.MessageToDict(cell.dimensions).items()), cell.metrics["count"])
            for cell in answer.cells
        )

    async def verify(self, token: tuple[str, str]) -> tuple[list[dict[str, Any]], int]:
        request = verify_pb2.VerifyRollupsRequest(app_id=APP, wait_seconds=TIMEOUT)
        call = self.aggregate.stub.VerifyRollups(request, metadata=[token])
        *found, last = [one async for one in call]
        dimensions = [json_format.MessageToDict(one.difference.dimensions) for one in found]
        return dimensions, last.summary.cells_different


@pytest.fixture
def with_jobs() -> bool:
    return True


@pytest.fixture
async def suite(stores: Stores, start: Callable[[], Awaitable[Aggregate]]) -> Suite:
    stores.settings = stores.settings.model_copy(
        update={"auth_token": SecretStr("all"), "read_token": SecretStr("reading")}
    )
    write(stores, BY_PERSON + JOBS)
    found = Suite(stores, await start())
    events = [
        played("ann", AT),
        played("ann", AT),
        played("bob", AT),
        played("ann", f"{DAY:%Y-%m-%d}T23:59:59"),
    ]
    await count(stores, *events)
    return found


class WithToken:
    """A stub whose calls have a token."""

    def __init__(self, stub: Any, token: tuple[str, str]) -> None:
        self.stub, self.token = stub, token

    def __getattr__(self, name: str) -> Any:
        return lambda request: getattr(self.stub, name)(request, metadata=[self.token])


async def denied(call: Any) -> tuple[str, ...]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value)[:2]


DENIED = ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_counts_by_day_person_and_name(suite: Suite) -> None:
    def cell(person: str, number: int) -> tuple[Any, ...]:
        return ("guild_id", "g1"), ("name", "match.ended"), ("person", person), number

    assert await suite.query(ALL) == sorted([cell(ANN, 3), cell(BOB, 1)])
    assert await suite.query(ALL, person=BOB) == [cell(BOB, 1)]
    assert await denied(suite.query(READING)) == DENIED
    # By other code than counting's, and again by counting's.
    assert await suite.verify(ALL) == ([], 0)
    plain = suite.stores.sql("SELECT 1 FROM aggregate.cells WHERE dimensions::text ~ 'ann|bob'")
    assert plain == []


async def test_who_may_watch_and_drill_down(suite: Suite) -> None:
    stub = suite.aggregate.stub
    named = pb.WatchRollupsRequest(app_id=APP, rollups=["deeds"])
    assert await denied(stub.WatchRollups(named, metadata=[READING]).read()) == DENIED
    every = pb.WatchRollupsRequest(app_id=APP)
    seen: dict[tuple[str, str], set[str]] = {}
    for token in (ALL, READING):
        call = stub.WatchRollups(every, metadata=[token])
        # By name: `watching` would come last, and has no cell.
        seen[token] = {cell.rollup for cell in (await call.read()).cells}
        call.cancel()
    assert seen[ALL] - seen[READING] == {"deeds"}
    assert "activity" in seen[READING]

    request = event_query_pb2.ListEventsRequest(app_id=APP)
    request.of.cell.rollup = "deeds"
    request.of.cell.bucket_start.FromDatetime(DAY)
    request.of.cell.dimensions.update({"guild_id": "g1", "name": "match.ended", "person": ANN})
    answer = await stub.ListEvents(request, metadata=[ALL])
    assert [event.subject_id for event in answer.events] == ["ann"] * 3
    assert await denied(stub.ListEvents(request, metadata=[READING])) == DENIED


async def test_who_may_read_a_result_by_person(suite: Suite) -> None:
    async with grpc.aio.insecure_channel(suite.aggregate.address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        monday = (DAY + timedelta(days=7 - DAY.weekday())).replace(hour=3, tzinfo=None)
        await run(WithToken(stub, ALL), monday)
        request = job_service_pb2.GetJobResultRequest(app_id=APP, job="weekly")
        request.period.FromDatetime(DAY)
        answer = await WithToken(stub, ALL).GetJobResult(request)
        assert [cell.rollup for cell in answer.cells] == ["activity", "deeds", "deeds"]
        assert await denied(WithToken(stub, READING).GetJobResult(request)) == DENIED


def noted(suite: Suite) -> list[dict[str, Any]]:
    """The details of each entry for the audit trail that says that numbers of people were read."""
    found: Any = suite.stores.redis.xrange(AUDIT_STREAM)
    entries = [json.loads(fields[b"entry"]) for _, fields in found]
    return [each["details"] for each in entries if each["action"] == "numbers.person_read"]


async def test_numbers_of_people_are_on_record_when_they_are_answered(suite: Suite) -> None:
    stub = suite.aggregate.stub
    await suite.query(ALL)
    await denied(suite.query(READING))
    await stub.QueryRollup(
        pb.QueryRollupRequest(app_id=APP, rollup="activity"), metadata=[ALL], timeout=TIMEOUT
    )
    assert noted(suite) == [{"rollup": "deeds"}]
    # A watch once, however many messages it has; without what the caller may not see, it is about no one.
    for token in (ALL, READING):
        call = stub.WatchRollups(pb.WatchRollupsRequest(app_id=APP), metadata=[token])
        await call.read()
        call.cancel()
    assert noted(suite)[1:] == [{"rollups": ["deeds"]}]
    # A verification if it has something to show.
    await suite.verify(ALL)
    assert len(noted(suite)) == 2
    change(suite.stores, ADD_ONE.replace("'matches'", "'deeds'", 1).replace("'matches'", "'count'"))
    await suite.verify(ALL)
    assert noted(suite)[2:] == [{"rollups": ["deeds"]}]


async def test_a_result_by_person_is_on_record_when_it_is_answered(suite: Suite) -> None:
    async with grpc.aio.insecure_channel(suite.aggregate.address) as channel:
        stub = job_service_pb2_grpc.JobServiceStub(channel)
        monday = (DAY + timedelta(days=7 - DAY.weekday())).replace(hour=3, tzinfo=None)
        await run(WithToken(stub, ALL), monday)
        request = job_service_pb2.GetJobResultRequest(app_id=APP, job="weekly", page_size=1)
        request.period.FromDatetime(DAY)
        answer = await WithToken(stub, ALL).GetJobResult(request)
        # A page without people.
        assert [cell.rollup for cell in answer.cells] == ["activity"]
        request.page_token = answer.next_page_token
        answer = await WithToken(stub, ALL).GetJobResult(request)
        assert [cell.rollup for cell in answer.cells] == ["deeds"]
    assert noted(suite) == [{"job": "weekly"}]


async def test_a_recount_has_the_same_cells(suite: Suite) -> None:
    before = await suite.query(ALL)
    change(suite.stores, ADD_ONE.replace("'matches'", "'deeds'", 1).replace("'matches'", "'count'"))
    found, different = await suite.verify(ALL)
    assert different == 2
    assert {one["person"] for one in found} == {ANN, BOB}

    stub = WithToken(suite.aggregate.stub, ALL)
    operator = Aggregate(stub, suite.aggregate.address, suite.aggregate.drain)
    assert await backfill(operator, "deeds") == (1, 0)
    dirty = "SELECT 1 FROM aggregate.buckets WHERE dirty_mark IS NOT NULL"
    await until(lambda: not suite.stores.sql(dirty))
    assert await suite.query(ALL) == before

"""What a verification may not take from the service and its stores."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import psycopg
import pytest
from weir.aggregate.v1 import verify_pb2 as pb
from weir.aggregate.v1.aggregate_service_pb2_grpc import AggregateServiceStub

from services.aggregate.verify import postgres, service
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_verify import count, played, verify
from tests.support.arena_catalog import APP
from tests.support.recounted_events import store
from tests.support.rejections import details_of, reason_of
from tests.support.waiting import until


async def refused(aggregate: Aggregate, wait_seconds: int | None = None) -> tuple[str, str, str]:
    """Code, reason and message of a verification that ends with an error."""
    request = pb.VerifyRollupsRequest(app_id=APP, wait_seconds=wait_seconds)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await verified(aggregate, request)
    code, reason, _ = reason_of(caught.value)
    return code, reason, caught.value.details() or ""


async def verified(
    aggregate: Aggregate, request: pb.VerifyRollupsRequest
) -> list[pb.VerifyRollupsResponse]:
    """All messages of a verification."""
    return [one async for one in aggregate.stub.VerifyRollups(request, timeout=60)]


async def test_one_at_a_time(stores: Stores, aggregate: Aggregate) -> None:
    await count(stores, played("ann"))
    # Waits for a batch that never comes, until the test sends it.
    entry = store(stores.database_url, played("bob"))
    waiting = asyncio.create_task(verify(aggregate, "activity"))
    opened = "SELECT FROM pg_stat_activity WHERE application_name = 'weir-aggregate-verify'"
    await until(lambda: stores.sql(opened))
    code, reason, message = await refused(aggregate)
    assert (code, reason) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert "max_verifications" in message
    stores.send(entry)
    assert await waiting == ([], (1, 0, 0, 0))
    # A call that its client leaves makes room too.
    await verify(aggregate, "activity")


async def test_a_statement_that_takes_too_long(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    stores.settings = stores.settings.model_copy(update={"verify_statement_seconds": 0.1})
    aggregate = await start()
    await count(stores, played("ann"))
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("LOCK TABLE aggregate.members IN ACCESS EXCLUSIVE MODE")
        code, reason, message = await refused(aggregate)
    assert (code, reason) == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT")
    assert "verify less time" in message
    assert (await verify(aggregate, "activity"))[1] == (1, 0, 0, 0)


async def test_more_cells_than_fit_into_memory(
    stores: Stores, aggregate: Aggregate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "MAX_CELLS", 2)
    await count(stores, *(played("ann", mode=mode) for mode in (1, 2, 3)))
    code, reason, message = await refused(aggregate)
    assert (code, reason) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert "the rollup matches has more than 2 cells" in message
    assert (await verify(aggregate, "activity"))[1] == (1, 0, 0, 0)


async def test_a_wait_that_is_too_long(aggregate: Aggregate) -> None:
    code, reason, message = await refused(aggregate, wait_seconds=601)
    assert (code, reason, message) == (
        "INVALID_ARGUMENT",
        "ARGUMENT_INVALID",
        "must be at most 600",
    )


async def test_a_client_that_takes_nothing_is_cut_off(
    stores: Stores,
    start: Callable[[], Awaitable[Aggregate]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores.settings = stores.settings.model_copy(update={"verify_stall_seconds": 0.3})
    aggregate = await start()
    # More than the client's window of flow control holds: a difference for each of six metrics of each mode.
    monkeypatch.setattr(service, "MAX_LISTED", 10_000)
    modes = [f"{number:04}".ljust(255, "m") for number in range(1_000)]
    await count(stores, *(played("ann", mode=mode) for mode in modes))
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("UPDATE aggregate.measures SET count = 5")
    request = pb.VerifyRollupsRequest(app_id=APP, rollups=["matches"])
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_535)]
    async with grpc.aio.insecure_channel(aggregate.address, options=options) as channel:
        stub: Any = AggregateServiceStub(channel)
        stalled = stub.VerifyRollups(request, timeout=60)
        await stalled.read()
        # Nothing more is read, until the server has ended the call and its place is free.
        while await is_full(aggregate):
            pass
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rest_of(stalled)
    assert reason_of(caught.value)[:2] == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT")
    assert details_of(caught.value).metadata["limit"] == "verify_stall_seconds"


async def is_full(aggregate: Aggregate) -> bool:
    """Whether another verification is refused."""
    try:
        await verified(aggregate, pb.VerifyRollupsRequest(app_id=APP, rollups=["activity"]))
    except grpc.aio.AioRpcError as error:
        return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    return False


async def rest_of(call: Any) -> None:
    """Reads on until the call ends."""
    while await call.read() is not grpc.aio.EOF:
        pass

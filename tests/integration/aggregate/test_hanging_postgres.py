"""Queries while Postgres hangs: they end, and the connections they held serve the next ones."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import psycopg
import pytest
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from suite.embedded import PostgresServer
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.frozen import frozen
from tests.support.rejections import reason_of
from tests.support.waiting import until

QUERY = pb.QueryRollupRequest(app_id=APP, rollup="matches")
# As many as the pool of connections for queries has, and more.
CALLS = 12
RUNNING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'weir-aggregate-queries'
      AND state = 'active'
"""


@pytest.fixture
async def impatient(stores: Stores, start: Callable[[], Awaitable[Aggregate]]) -> Aggregate:
    """A service whose calls may take a second."""
    stores.settings = stores.settings.model_copy(update={"max_call_seconds": 1.0})
    service = await start()
    await service.stub.QueryRollup(QUERY)
    return service


async def _codes(aggregate: Aggregate) -> set[tuple[str, str, str]]:
    """How so many calls at once end, none of which has a deadline of its own."""
    calls = [aggregate.stub.QueryRollup(QUERY) for _ in range(CALLS)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    return {reason_of(result) for result in results if isinstance(result, grpc.aio.AioRpcError)}


async def test_a_locked_table(stores: Stores, impatient: Aggregate) -> None:
    with psycopg.connect(stores.database_url) as holder, holder.transaction():
        holder.execute("LOCK TABLE aggregate.cells IN ACCESS EXCLUSIVE MODE")
        for _ in range(2):
            assert await _codes(impatient) == {("DEADLINE_EXCEEDED", "CALL_TIMED_OUT", "")}
        # Postgres does not go on with what was given up.
        await until(lambda: stores.sql(RUNNING) == [(0,)])
    assert (await impatient.stub.QueryRollup(QUERY)).cells == []


@pytest.mark.slow
async def test_a_frozen_server(
    impatient: Aggregate, postgres: PostgresServer, stores: Stores
) -> None:
    with frozen(postgres.pid):
        for _ in range(2):
            # Either the call's own limit, or that no connection came free in time.
            assert await _codes(impatient) <= {
                ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT", ""),
                ("UNAVAILABLE", "STORE_UNAVAILABLE", ""),
            }
    await until(lambda: _answers(impatient))
    results = await asyncio.gather(*(impatient.stub.QueryRollup(QUERY) for _ in range(CALLS)))
    assert len(results) == CALLS


async def _answers(aggregate: Aggregate) -> Any:
    try:
        return await aggregate.stub.QueryRollup(QUERY)
    except grpc.aio.AioRpcError:
        return None

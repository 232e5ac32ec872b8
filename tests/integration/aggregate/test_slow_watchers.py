"""Watchers that do not read: how many there may be, and what is held for all of them together."""

from collections.abc import Sequence
from typing import Any

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from prometheus_client import REGISTRY
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc

from libs.stores.redis_client import create_redis
from services.aggregate.answer_sizes import WATCH_MESSAGE_BYTES, WATCH_PAGE_BYTES
from services.aggregate.live.redis import RedisChangePublisher
from services.aggregate.model import Cell, CellState
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import seconds
from tests.support.arena_catalog import APP
from tests.support.rejections import reason_of
from tests.support.waiting import until

CELLS, SLOW = 1_500, 50
MAX_WATCH_BYTES = 400_000
MONDAY = seconds("2026-04-27")
# Cells with a guild of 100 characters and one match: 200 KB for each watcher.
ADD_CELLS = """
WITH added AS (
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'arena', 'matches', '2026-04-27Z',
           jsonb_build_object('guild_id', lpad(n::text, 100, '0'), 'mode', NULL)
    FROM generate_series(1, 1500) AS n
    RETURNING cell_id
)
INSERT INTO aggregate.measures (cell_id, metric, count, version)
SELECT cell_id, 'matches', 1, 1 FROM added
"""
PLAY = "UPDATE aggregate.measures SET count = {count}, version = {count}"


@pytest.fixture
def products() -> tuple[str, ...]:
    return ("gamelaunch",)


@pytest.fixture
def stores(stores: Stores) -> Stores:
    """With the cells, and little room for what watchers have yet to take."""
    with psycopg.connect(stores.database_url) as connection:
        connection.execute(ADD_CELLS)
    small = {"max_watch_bytes": MAX_WATCH_BYTES, "max_watchers": 60, "max_watchers_per_app": 52}
    stores.settings = stores.settings.model_copy(update=small)
    return stores


def played(count: int, cells: Sequence[int]) -> list[CellState]:
    """The states of some cells after so many matches."""
    return [
        CellState(
            Cell(
                number.to_bytes(16),
                APP,
                "matches",
                MONDAY,
                b'{"guild_id":"%0100d","mode":null}' % number,
            ),
            count,
            {"matches": float(count)},
        )
        for number in cells
    ]


def measured(name: str) -> float:
    return REGISTRY.get_sample_value(f"weir_aggregate_{name}") or 0.0


class Watching:
    """A call on a connection of its own, since those of one connection share its flow control; and what
    it was sent, by cell."""

    def __init__(self, aggregate: Aggregate, rollup: str = "matches") -> None:
        # Without the probe, a client takes 64 KiB of what it does not read.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
        self._channel = grpc.aio.insecure_channel(aggregate.address, options=options)
        stub = aggregate_service_pb2_grpc.AggregateServiceStub(self._channel)
        request = pb.WatchRollupsRequest(app_id=APP, rollups=[rollup])
        self._call: Any = stub.WatchRollups(request, timeout=120)
        self.matches: dict[str, float] = {}

    async def leave(self) -> None:
        self._call.cancel()
        await self._channel.close()

    async def read(self) -> None:
        message = await self._call.read()
        assert message.ByteSize() < 2 * WATCH_MESSAGE_BYTES
        for watched in message.cells:
            guild = watched.cell.dimensions["guild_id"]
            # Absolute values of a counter: an older state would be a smaller number.
            assert watched.cell.metrics["matches"] >= self.matches.get(guild, 0)
            self.matches[guild] = watched.cell.metrics["matches"]

    async def read_until(self, count: float) -> None:
        """Reads until every cell has so many matches."""
        while len(self.matches) < CELLS or set(self.matches.values()) != {count}:
            await self.read()


async def test_nothing_is_published_while_no_process_listens(
    aggregate: Aggregate, redis_url: str
) -> None:
    async with create_redis(redis_url) as redis:

        async def is_heard() -> bool:
            # A new one: it takes watchers that it has found to stay for some seconds.
            return await RedisChangePublisher(redis.commands).has_watchers()

        async def is_unheard() -> bool:
            return not await is_heard()

        # The watchers of the test before may have left just now.
        await until(is_unheard)
        watching = Watching(aggregate)
        await watching.read()
        assert await is_heard()
        await watching.leave()


async def test_fifty_watchers_that_never_read_hold_little_and_delay_no_other(
    stores: Stores, aggregate: Aggregate, redis_url: str
) -> None:
    restarted = measured("restarted_watchers_total")
    fast = Watching(aggregate)
    await fast.read_until(1)
    slow = [Watching(aggregate) for _ in range(SLOW)]
    await until(lambda: measured("watchers") == SLOW + 1)
    most = 0.0
    async with create_redis(redis_url) as redis:
        live = RedisChangePublisher(redis.commands)
        for count in range(2, 5):
            with psycopg.connect(stores.database_url) as connection:
                connection.execute(PLAY.format(count=count).encode())
            # More than there is room for, if it is not taken.
            for start in range(1, CELLS, 500):
                await live.publish(played(count, range(start, start + 500)))
                while any(
                    fast.matches[f"{number:0100}"] < count for number in range(start, start + 500)
                ):
                    await fast.read()
                most = max(most, measured("watch_held_bytes"))
    assert set(fast.matches.values()) == {4.0}
    # Each has one page at most on its way, and all together what the setting says.
    assert most <= MAX_WATCH_BYTES + (SLOW + 1) * 2 * WATCH_PAGE_BYTES
    assert measured("restarted_watchers_total") > restarted
    # Those who read at last come to the newest state of every cell, each of them.
    for watching in slow:
        await watching.read_until(4)
    await until(lambda: measured("watch_held_bytes") == 0)
    for watching in (fast, *slow):
        await watching.leave()
    await until(lambda: measured("watchers") == 0)


async def test_a_watcher_too_many_is_refused_with_the_limit(
    stores: Stores, aggregate: Aggregate
) -> None:
    watching = [Watching(aggregate, "activity") for _ in range(52)]
    await until(lambda: measured("watchers") == 52)
    request = pb.WatchRollupsRequest(app_id=APP)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.WatchRollups(request, timeout=60).read()
    assert reason_of(refused.value) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", "")
    status = rpc_status.from_call(refused.value)
    assert status is not None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert dict(info.metadata) == {"limit": "max_watchers_per_app", "value": "52"}
    assert status.details[1].Unpack(retry)
    # Other apps have their own share.
    other = aggregate.stub.WatchRollups(pb.WatchRollupsRequest(app_id="gamelaunch"), timeout=60)
    assert not (await other.read()).cells
    # And one who leaves makes room.
    await watching[0].leave()
    await until(lambda: measured("watchers") == 52)
    admitted = Watching(aggregate, "activity")
    await admitted.read()
    other.cancel()
    for each in (admitted, *watching):
        await each.leave()
    await until(lambda: measured("watchers") == 0)

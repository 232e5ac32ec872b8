"""How far a group is behind, on a real Redis, by both clocks; worked out from ids and times set by hand."""

import math

import pytest
from prometheus_client import REGISTRY
from weir.streams.v1 import batch_pb2

from libs.stores.redis_client import REDIS_DOWN, RedisClient, create_redis
from libs.streams.lag import (
    Lag,
    LagMeter,
    dead_letters_received_us,
    enriched_received_us,
    raw_received_us,
)
from tests.support.clocks import FixedClock
from tests.support.streams import add_entry

GROUP, STREAM = "g", "s:{0}:raw"


async def _redis_ms(client: RedisClient) -> int:
    seconds, microseconds = await client.time()
    return int(seconds) * 1_000 + int(microseconds) // 1_000


def _batch(received_at_us: int) -> dict[str, bytes]:
    batch = batch_pb2.EventBatch(app_id="chess", received_at_us=received_at_us)
    return {"batch": batch.SerializeToString()}


def _meter(client: RedisClient, now_us: int) -> LagMeter:
    return LagMeter(client, GROUP, [STREAM], raw_received_us, FixedClock.of_us(now_us))


async def test_nothing_in_a_stream_is_no_lag(client: RedisClient) -> None:
    assert await _meter(client, 1).measure(STREAM) == Lag()


async def test_an_entry_waits_although_no_reader_has_ever_come(client: RedisClient) -> None:
    now_ms = await _redis_ms(client)
    await add_entry(client, STREAM, _batch(5_000_000), f"{now_ms - 60_000}-0")
    lag = await _meter(client, 12_500_000).measure(STREAM)
    # Redis's clock goes on during the test; the service's stands still at 12.5 s, and the batch came at 5 s.
    assert lag.waiting_seconds == pytest.approx(60, abs=30)
    assert lag.waiting_seconds >= 60
    assert lag.age_seconds == 7.5
    assert lag.pending == 0


async def test_the_oldest_unacknowledged_entry_counts_read_or_not(client: RedisClient) -> None:
    now_ms = await _redis_ms(client)
    await client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    first, second, third = (f"{now_ms - age}-0" for age in (300_000, 200_000, 100_000))
    for entry_id, received in ((first, 1), (second, 2), (third, 3)):
        await add_entry(client, STREAM, _batch(received * 1_000_000), entry_id)
    meter = _meter(client, 10_000_000)
    # Two are delivered; the first of them is not acknowledged.
    await client.xreadgroup(GROUP, "reader", {STREAM: ">"}, count=2)
    await client.xack(STREAM, GROUP, second)
    lag = await meter.measure(STREAM)
    assert (round(lag.waiting_seconds / 100), lag.age_seconds, lag.pending) == (3, 9, 1)
    # What was delivered is done: the third, which no reader has been given, is the oldest.
    await client.xack(STREAM, GROUP, first)
    lag = await meter.measure(STREAM)
    assert (round(lag.waiting_seconds / 100), lag.age_seconds, lag.pending) == (1, 7, 0)
    await client.xreadgroup(GROUP, "reader", {STREAM: ">"})
    await client.xack(STREAM, GROUP, third)
    assert await meter.measure(STREAM) == Lag()


async def test_an_unreadable_entry_is_as_old_as_its_place_in_the_stream(
    client: RedisClient,
) -> None:
    now_ms = await _redis_ms(client)
    await client.xadd(STREAM, {"batch": b"\xff\xff"}, id=f"{now_ms - 60_000}-0")
    lag = await _meter(client, 1).measure(STREAM)
    assert lag.age_seconds == lag.waiting_seconds >= 60


def test_each_kind_of_entry_says_when_it_was_received() -> None:
    batch = batch_pb2.EventBatch(app_id="chess", received_at_us=42).SerializeToString()
    enriched = batch_pb2.EnrichedBatch(event_batch=batch).SerializeToString()
    letters = batch_pb2.DeadLetterBatch(
        dead_letters=[batch_pb2.DeadLetter(app_id="chess", received_at_us=42)]
    ).SerializeToString()
    assert raw_received_us({b"batch": batch}) == 42
    assert enriched_received_us({b"batch": enriched}) == 42
    assert dead_letters_received_us({b"batch": letters}) == 42


async def test_a_pending_entry_that_was_deleted_hides_no_later_one(client: RedisClient) -> None:
    now_ms = await _redis_ms(client)
    gone, left = f"{now_ms - 300_000}-0", f"{now_ms - 60_000}-0"
    await client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    await add_entry(client, STREAM, _batch(1_000_000), gone)
    await client.xreadgroup(GROUP, "reader", {STREAM: ">"})
    await add_entry(client, STREAM, _batch(2_000_000), left)
    await client.xdel(STREAM, gone)
    lag = await _meter(client, 10_000_000).measure(STREAM)
    assert (lag.waiting_seconds >= 60, lag.age_seconds, lag.pending) == (True, 8, 1)


async def test_while_redis_is_away_the_lag_is_not_a_number(client: RedisClient) -> None:
    unreachable = create_redis("redis://127.0.0.1:9/0")
    meter = LagMeter(unreachable, "away", [STREAM], raw_received_us, FixedClock.of_us(1))
    with pytest.raises(REDIS_DOWN):
        await meter._measure_all()
    labels = {"group": "away", "stream": STREAM}
    shown = REGISTRY.get_sample_value("weir_stream_age_seconds", labels)
    assert shown is not None
    assert math.isnan(shown)

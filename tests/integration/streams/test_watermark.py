"""The watermark of a suite whose streams are real and whose services are played by the test."""

import time
from datetime import timedelta
from typing import Any, cast

from libs.common.clock import moment_of
from libs.stores.redis_client import RedisClient
from libs.streams.names import AGGREGATE, ENRICH, enriched_stream, raw_stream
from libs.streams.watermark import APPENDING_SECONDS, VALID_SECONDS, WatermarkMeter
from tests.support.clocks import FixedClock

RAW, ENRICHED = raw_stream(0), enriched_stream(0)
ENTRY: dict[Any, Any] = {b"batch": b""}


def id_of(milliseconds: int) -> str:
    return f"{milliseconds}-0"


async def meter_of(client: RedisClient) -> tuple[WatermarkMeter, FixedClock]:
    await client.xgroup_create(RAW, ENRICH, "0", mkstream=True)
    await client.xgroup_create(ENRICHED, AGGREGATE, "0", mkstream=True)
    clock = FixedClock(moment_of(time.time_ns() // 1_000))
    return WatermarkMeter(client, 1, clock), clock


async def take(client: RedisClient, group: str, stream: str) -> None:
    """Reads and acknowledges everything."""
    while found := cast(list[Any], await client.xreadgroup(group, "c", {stream: ">"})):
        for _, entries in found:
            await client.xack(stream, group, *(entry_id for entry_id, _ in entries))


def seconds_ago(meter: WatermarkMeter, milliseconds: int) -> float:
    """How long before a moment of Redis's clock the watermark is."""
    current = meter.current()
    assert current is not None
    return (moment_of(milliseconds * 1_000) - current).total_seconds()


async def test_it_follows_the_oldest_batch_through_both_streams(client: RedisClient) -> None:
    meter, _ = await meter_of(client)
    assert meter.current() is None
    old = time.time_ns() // 1_000_000 - 600_000
    await client.xadd(RAW, ENTRY, id=id_of(old))
    await meter.measure()
    # Ten minutes old, and not forwarded.
    assert seconds_ago(meter, old) == APPENDING_SECONDS
    # Another one is forwarded before it, and counted: the old one still waits.
    await client.xadd(ENRICHED, ENTRY)
    await take(client, AGGREGATE, ENRICHED)
    await meter.measure()
    assert seconds_ago(meter, old) == APPENDING_SECONDS
    # Now it is forwarded, and not counted: the entry is new, what is in it is old.
    await client.xadd(ENRICHED, ENTRY)
    await take(client, ENRICH, RAW)
    await meter.measure()
    assert seconds_ago(meter, old) == APPENDING_SECONDS
    await take(client, AGGREGATE, ENRICHED)
    await meter.measure()
    now = time.time_ns() // 1_000_000
    assert APPENDING_SECONDS <= seconds_ago(meter, now) < APPENDING_SECONDS + 60


async def test_a_pending_batch_holds_it_too(client: RedisClient) -> None:
    meter, _ = await meter_of(client)
    old = time.time_ns() // 1_000_000 - 600_000
    await client.xadd(RAW, ENTRY, id=id_of(old))
    await client.xadd(RAW, ENTRY)
    await client.xreadgroup(ENRICH, "dead", {RAW: ">"}, count=1)
    await take(client, ENRICH, RAW)
    await meter.measure()
    assert seconds_ago(meter, old) == APPENDING_SECONDS


async def test_it_is_not_known_of_what_was_forwarded_before_the_first_measurement(
    client: RedisClient,
) -> None:
    meter, _ = await meter_of(client)
    await client.xadd(ENRICHED, ENTRY, id=id_of(time.time_ns() // 1_000_000 - 1_000))
    await meter.measure()
    assert meter.current() is None


async def test_an_old_measurement_says_nothing(client: RedisClient) -> None:
    meter, clock = await meter_of(client)
    await meter.measure()
    measured = clock.now
    clock.now = measured + timedelta(seconds=VALID_SECONDS)
    assert meter.current() is not None
    clock.now += timedelta(microseconds=1)
    assert meter.current() is None
    # A clock that jumped back says as little.
    clock.now = measured - timedelta(seconds=1)
    assert meter.current() is None

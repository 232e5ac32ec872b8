"""What an answer says of itself: when its buckets end, and whether they are final."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP
from tests.support.waiting import until

PROVISIONAL = reliability_pb2.COMPLETENESS_PROVISIONAL
FINAL = reliability_pb2.COMPLETENESS_FINAL
NOW = datetime.now(UTC).replace(tzinfo=None)
LAST_WEEK = NOW - timedelta(days=7)


async def answer(
    aggregate: Aggregate, rollup: str = "activity", end: datetime | None = None
) -> pb.QueryRollupResponse:
    request = pb.QueryRollupRequest(app_id=APP, rollup=rollup)
    if end is not None:
        request.to.FromDatetime(end)
    response: pb.QueryRollupResponse = await aggregate.stub.QueryRollup(request, timeout=20)
    return response


async def known(aggregate: Aggregate) -> None:
    """Waits until the watermark is known, two seconds at most while nothing waits."""

    async def is_known() -> bool:
        return (await answer(aggregate)).reliability.HasField("watermark")

    await until(is_known)


async def test_old_days_are_final_and_today_is_not(stores: Stores, aggregate: Aggregate) -> None:
    times = [time.isoformat(timespec="seconds") for time in (LAST_WEEK, NOW)]
    stores.send(entry(*(event(when=when, player="ann") for when in times)))
    await stores.until_drained()
    await known(aggregate)
    found = await answer(aggregate)
    old, today = found.cells
    assert [old.completeness, today.completeness] == [FINAL, PROVISIONAL]
    assert today.bucket_end.ToDatetime() == datetime(NOW.year, NOW.month, NOW.day) + timedelta(1)
    # A minute behind the clock, at most two measurements older.
    behind = datetime.now(UTC) - found.reliability.watermark.ToDatetime(tzinfo=UTC)
    assert timedelta(seconds=60) <= behind
    assert found.reliability.calculated_at.ToDatetime() >= NOW
    # Without an end, the answer has today's cell, or may get one.
    assert found.reliability.completeness == PROVISIONAL
    ended = await answer(aggregate, end=NOW - timedelta(days=2))
    assert ended.reliability.completeness == FINAL
    assert [cell.completeness for cell in ended.cells] == [FINAL]
    # The week before is not over for a rollup by month, unless the month is.
    months = await answer(aggregate, "scores", end=NOW + timedelta(days=40))
    assert months.reliability.completeness == PROVISIONAL


async def test_the_catalog_says_how_late_events_may_come(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    catalog = Path(stores.settings.catalogs) / f"{APP}.yaml"
    catalog.write_text(catalog.read_text() + "\nclock: {lateness: 30d}\n")
    aggregate = await start()
    stores.send(entry(event(when=LAST_WEEK.isoformat(timespec="seconds"), player="ann")))
    await stores.until_drained()
    await known(aggregate)
    [cell] = (await answer(aggregate)).cells
    assert cell.completeness == PROVISIONAL


async def test_nothing_is_final_while_old_batches_wait(
    stores: Stores, aggregate: Aggregate
) -> None:
    """A batch that nothing reads has been in the raw stream since before last week's event."""
    stores.send(entry(event(when=LAST_WEEK.isoformat(timespec="seconds"), player="ann")))
    await stores.until_drained()
    await known(aggregate)
    assert (await answer(aggregate)).cells[0].completeness == FINAL
    added = int((LAST_WEEK - timedelta(days=1)).replace(tzinfo=UTC).timestamp() * 1_000)
    stores.redis.xadd("ingest:{0}:raw", {"batch": b""}, id=f"{added}-0")

    async def is_provisional() -> bool:
        return (await answer(aggregate)).cells[0].completeness == PROVISIONAL

    await until(is_provisional)

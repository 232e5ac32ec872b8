"""From when on cells are kept."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.catalog import Period
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.expiry.kept import kept_from
from services.aggregate.plan import compile_plan
from services.aggregate.sealing import recounted_from
from tests.support.aggregate_batches import batch, event
from tests.support.aggregate_fakes import MemoryCountingStore
from tests.support.arena_catalog import APP, compile_arena
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("period", "days", "first"),
    [
        # A bucket is kept until all of it is older: the one that the moment lies in is.
        (Period.HOUR, 1, "2026-11-21T10:00"),
        (Period.DAY, 30, "2026-10-23T00:00"),
        (Period.WEEK, 6, "2026-11-16T00:00"),
        (Period.WEEK, 7, "2026-11-09T00:00"),
        (Period.MONTH, 22, "2026-10-01T00:00"),
        (Period.MONTH, 21, "2026-11-01T00:00"),
    ],
)
def test_the_oldest_bucket_that_is_kept(period: Period, days: int, first: str) -> None:
    assert kept_from(period, days, NOW) == datetime.fromisoformat(first).replace(tzinfo=UTC)


@pytest.mark.parametrize("days", [None, 800_000, 999_999_999, 365 * 999_999_999])
def test_no_limit(days: int | None) -> None:
    assert kept_from(Period.MONTH, days, NOW) is None


def test_what_has_expired_is_not_recounted() -> None:
    """Raw events are kept for 90 days, cells for 30: then the cells decide."""
    short = compile_arena(lambda text: text.replace("aggregate: keep", "aggregate: 30d"))
    loot = short.rollups["loot"]
    assert recounted_from(short, loot, NOW) == NOW.replace(hour=0, minute=0) - timedelta(30)
    long = compile_arena()
    assert recounted_from(long, long.rollups["loot"], NOW) == NOW - timedelta(90)


async def test_an_event_that_comes_after_its_bucket_has_expired_is_not_counted() -> None:
    year = compile_plan(
        compile_arena(lambda text: text.replace("aggregate: keep", "aggregate: 1y"))
    )
    store = MemoryCountingStore()
    counter = BatchCounter(
        store,
        KnownMembers(10),
        CellIdentity(10),
        PSEUDONYMS,
        FixedClock(datetime(2027, 4, 28, tzinfo=UTC)),
    )
    before = event(when="2026-04-26T23:59:59", player="ann")
    within = event(when="2026-04-28T00:00:00", player="bob")
    counted = await counter.count([batch(before, within)], {APP: year})
    assert counted.events == {APP: 2}
    days = {cell.bucket for cell in store.cells.values() if cell.rollup == "activity"}
    assert days == {int(datetime(2026, 4, 28, tzinfo=UTC).timestamp())}

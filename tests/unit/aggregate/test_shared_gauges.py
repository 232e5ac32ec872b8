"""What those who watch the same gauges share."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta

import pytest
from weir.aggregate.v1 import gauge_pb2

from libs.catalog import Catalogs, compile_catalog
from libs.common.errors import LimitExceeded, Unavailable
from libs.rpc.access import NO_TOKEN
from libs.rpc.principal import CURRENT
from services.aggregate.gauges.convert import gauge_message
from services.aggregate.gauges.presence import Presence, Wanted
from services.aggregate.gauges.service import GaugeQueries
from services.aggregate.gauges.shared_reads import SharedReads
from services.aggregate.live.watchers import Watchers
from services.aggregate.read_slots import ReadSlots
from tests.support.clocks import FixedClock
from tests.support.gauge_events import APP, CATALOG, NOON, lounge


class Rooms:
    """Implements `PresenceReader`: one more person in each room with each read, and nothing of the rest."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, app_id: str, wanted: Sequence[Wanted]) -> Sequence[Presence | None]:
        """See the port."""
        assert app_id == APP
        await asyncio.sleep(0)
        self.reads += 1
        there = Presence(self.reads, 0, {'["red"]': self.reads})
        return [there if plan.gauge.name == "inside" else None for plan, _ in wanted]


async def test_queries_beyond_the_slots_are_refused() -> None:
    """Nobody shares what is read for a query, so that it is of now."""
    rooms, clock = Rooms(), FixedClock(NOON)
    queries = GaugeQueries(
        Catalogs.of(compile_catalog(CATALOG, "lounge.yaml")),
        rooms,
        Watchers(limit=1, limit_per_app=1),
        ReadSlots("max_gauge_queries", 1, waiting=1),
        clock,
        lambda: NOON,
        0.25,
    )
    request = gauge_pb2.QueryGaugesRequest(app_id=APP, gauges=["inside"])
    CURRENT.set(NO_TOKEN)
    first, second, third = await asyncio.gather(
        *(queries.query(request) for _ in range(3)), return_exceptions=True
    )
    assert isinstance(third, LimitExceeded)
    assert third.metadata["limit"] == "max_gauge_queries"
    answers = [found for found in (first, second) if not isinstance(found, BaseException)]
    assert [answer.readings[0].value for answer in answers] == [1, 2]
    again = await queries.query(request)
    assert again.readings[0].value == 3


async def test_all_watchers_get_the_same_read_and_message() -> None:
    clock, rooms, app = FixedClock(NOON), Rooms(), lounge()
    inside = app.gauges["inside"]
    # It goes up with each read, as that counts.
    shared = SharedReads(
        rooms, clock, lambda: NOON + timedelta(seconds=rooms.reads), gauge_message, 0.25
    )
    found = await asyncio.gather(*(shared.read(app) for _ in range(100)))
    assert rooms.reads == 1
    first = found[0].message(inside)
    assert {id(each.message(inside)) for each in found} == {id(first)}
    assert (first.value, first.groups[0].value) == (1, 1)
    # A watermark from after the read would promise events that are not in it.
    assert first.reliability.watermark.ToDatetime(UTC) == NOON
    assert first.moment.ToDatetime(UTC) == NOON
    with pytest.raises(Unavailable):
        found[0].message(app.gauges["visits"])

    clock.now += timedelta(seconds=0.2)
    assert (await shared.read(app)).message(inside) is first
    clock.now += timedelta(seconds=0.05)
    later = (await shared.read(app)).message(inside)
    assert (later.value, rooms.reads) == (2, 2)
    assert later.moment.ToDatetime(UTC) == NOON + timedelta(seconds=0.25)
    assert later.reliability.watermark.ToDatetime(UTC) == NOON + timedelta(seconds=1)


async def test_another_catalog_is_read_at_once() -> None:
    rooms = Rooms()
    shared = SharedReads(rooms, FixedClock(NOON), lambda: None, gauge_message, 0.25)
    await shared.read(lounge())
    await shared.read(lounge())
    assert rooms.reads == 2

"""Events of a catalog with gauges, and what is noted of them."""

from datetime import datetime, timedelta

from weir.common.v1 import event_pb2

from libs.catalog import compile_catalog
from services.aggregate.counting.convert import stored_batch
from services.aggregate.counting.fold import fold
from services.aggregate.gauges.presence import Presence
from services.aggregate.gauges.redis import RedisPresence
from services.aggregate.gauges.signs import AllSigns
from services.aggregate.plan import AppPlan, compile_plan
from tests.support.aggregate_batches import entry, event
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

APP = "lounge"
CATALOG = """
app_id: lounge
title: Lounge
subject: {name: person}
group: {name: house}
purposes: {all: {default: granted, when_denied: anonymize}}
categories:
  stay: {purpose: all, producers: [server], retention: {raw: 90d, aggregate: 5y}}
events:
  entered: {category: stay, properties: {room: {}}}
  left: {category: stay, properties: {room: {}}}
  spoke: {category: stay, properties: {room: {}}}
  looked: {category: stay}
gauges:
  online: {seen: [looked], within: 5m, by: [house]}
  inside: {enter: entered, leave: left, alive: spoke, silence: 30m, by: [properties.room]}
  nearest: {enter: entered, leave: left, silence: 30m, by: [properties.room], exclusive: true}
  visits: {enter: entered, leave: left, silence: 30m, key: session_id}
"""


def lounge(text: str = CATALOG) -> AppPlan:
    """The plan of the catalog, or of a changed text of it."""
    return compile_plan(compile_catalog(text, "lounge.yaml"))


class Lounge:
    """What is noted of the lounge's events, at the time of a clock."""

    def __init__(self, presence: RedisPresence, clock: FixedClock, plan: AppPlan) -> None:
        self.presence = presence
        self.clock = clock
        self.plan = plan

    async def note(self, *events: event_pb2.Event) -> None:
        """Notes the events of one batch, received now."""
        signs = AllSigns()
        fields = entry(*events, app_id=APP, received_at_us=self.clock.now_us())
        fold(self.plan, [stored_batch(fields)], PSEUDONYMS, signs)
        await self.presence.note(signs.found())

    async def ready(self) -> None:
        """Has all gauges be read, as if they had been rebuilt."""
        for plan in self.plan.gauges.values():
            rebuild = await self.presence.begin(plan)
            assert rebuild is not None
            assert await rebuild.finish()

    async def presence_of(self, gauge: str, group: str | None = None) -> Presence:
        """What is read of a gauge that is complete."""
        plan = self.plan.gauges[gauge]
        [found] = await self.presence.read(self.plan.app_id, [(plan, group)])
        assert found is not None
        return found

    async def shown(self, gauge: str) -> tuple[int, dict[str, int]]:
        """The same as a pair: in all, and by group."""
        found = await self.presence_of(gauge)
        assert found.other == 0
        return found.count, dict(found.groups)


def seen(
    name: str,
    person: str,
    minute: float,
    room: object = None,
    *,
    house: str = "",
    session: str = "",
) -> event_pb2.Event:
    """An event that occurred so many minutes after NOON."""
    message = event(
        name, player=person, guild=house, properties={} if room is None else {"room": room}
    )
    message.session_id = session
    message.occurred_at.FromDatetime((NOON + timedelta(minutes=minute)).replace(tzinfo=None))
    return message


NOON = datetime.fromisoformat("2026-05-01T12:00:00+00:00")

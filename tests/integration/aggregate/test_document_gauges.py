"""The gauges of the documents' catalogs: hours of people who come and go, worked out by hand."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from weir.common.v1 import event_pb2

from libs.stores.redis_client import RedisClient
from services.aggregate.gauges.redis import RedisPresence
from services.aggregate.plan import compile_plan
from tests.support.clocks import FixedClock
from tests.support.documents.shipped import catalogs, shipped_event
from tests.support.gauge_events import NOON, Lounge


class App(Lounge):
    """An app of the documents, at a time of a day."""

    async def at(self, time: str, *events: event_pb2.Event) -> None:
        """The events occur, are received and are noted at that time."""
        self.clock.now = moment = datetime.fromisoformat(f"2026-05-01T{time}:00+00:00")
        for event in events:
            event.occurred_at.FromDatetime(moment.replace(tzinfo=None))
        await self.note(*events)


async def start(client: RedisClient, app_id: str) -> App:
    clock = FixedClock(NOON)
    presence = RedisPresence(client.commands, clock, max_groups=1_000)
    app = App(presence, clock, compile_plan(catalogs()[app_id]))
    await app.ready()
    return app


def wave(name: str, person: str, wave_id: str) -> event_pb2.Event:
    return shipped_event(name, {"wave_id": wave_id}, subject_id=person)


async def test_people_in_waves(client: RedisClient) -> None:
    app = await start(client, "addvalue")
    await app.at("12:00", wave("wave_joined", "1", "a"), wave("wave_joined", "2", "a"))
    assert await app.shown("in_wave") == (2, {'["a"]': 2})
    # The first goes from one Wave to the other; the second is quiet.
    await app.at("12:05", wave("wave_left", "1", "a"), wave("wave_registered", "3", "b"))
    await app.at("12:06", wave("wave_joined", "1", "b"))
    assert await app.shown("in_wave") == (2, {'["a"]': 1, '["b"]': 1})
    await app.at("12:29", wave("wave_interaction", "1", "b"))
    await app.at("12:31")
    assert await app.shown("in_wave") == (1, {'["b"]': 1})
    await app.at("12:40", wave("wave_left", "1", "b"))
    # Feedback comes from people who have left.
    await app.at("12:41", wave("wave_feedback_submitted", "1", "b"))
    assert await app.shown("in_wave") == (0, {})


async def test_activations_in_progress(client: RedisClient) -> None:
    app = await start(client, "addvalue")
    for person in ("1", "2", "3"):
        await app.at("06:00", shipped_event("activation_started", {}, subject_id=person))
    await app.at("07:00", shipped_event("activation_completed", {}, subject_id="1"))
    await app.at("08:00", shipped_event("activation_round_completed", {"round": 2}, subject_id="2"))
    assert await app.shown("activations_in_progress") == (2, {})
    # The third was abandoned: nothing for 24 hours.
    app.clock.now += timedelta(hours=22)
    assert await app.shown("activations_in_progress") == (1, {})
    app.clock.now += timedelta(hours=2)
    assert await app.shown("activations_in_progress") == (0, {})


async def test_online_now(client: RedisClient) -> None:
    app = await start(client, "addvalue")
    await app.at("12:00", shipped_event("post_liked", {"post_id": "p"}, subject_id="1"))
    await app.at("12:03", shipped_event("user_login", {}, subject_id="2"))
    # Changing one's consent is not using the product.
    await app.at("12:04", shipped_event("user_consent_update", {"analytics": True}, subject_id="3"))
    assert await app.shown("online_now") == (2, {})
    await app.at("12:05")
    assert await app.shown("online_now") == (1, {})
    await app.at("12:08")
    assert await app.shown("online_now") == (0, {})


def world(name: str, person: str, community: str, **properties: Any) -> event_pb2.Event:
    return shipped_event(f"world.{name}", properties, subject_id=person, group_id=community)


async def test_population_and_zones(client: RedisClient) -> None:
    app = await start(client, "unofficial_communities")
    await app.at(
        "12:00",
        world("session.started", "1", "7"),
        world("session.started", "2", "7"),
        world("session.started", "3", "8"),
        world("zone.entered", "1", "7", zone_type="workshop"),
        world("zone.entered", "2", "7", zone_type="workshop"),
    )
    assert await app.shown("population") == (3, {'["7"]': 2, '["8"]': 1})
    assert await app.shown("in_zone") == (2, {'["7","workshop"]': 2})
    # Into the next zone, whose exit from the one before is lost; and out of the room altogether.
    await app.at("12:10", world("zone.entered", "1", "7", zone_type="central_hub"))
    await app.at(
        "12:12",
        world("zone.exited", "2", "7", zone_type="workshop", duration_seconds=720),
        world("session.ended", "2", "7", duration_seconds=720),
    )
    assert await app.shown("in_zone") == (1, {'["7","central_hub"]': 1})
    assert await app.shown("population") == (2, {'["7"]': 1, '["8"]': 1})
    # The third travels to the other community, and the session's end comes late.
    await app.at("12:20", world("session.started", "3", "7"))
    assert await app.shown("population") == (2, {'["7"]': 2})
    await app.at("12:39", world("presence.updated", "3", "7", zone_type="workshop"))
    await app.at("12:41")
    assert await app.shown("population") == (1, {'["7"]': 1})


def visit(session: str, action: str) -> event_pb2.Event:
    event = shipped_event("session", {"action": action}, subject_id="1")
    event.session_id = session
    return event


async def test_sessions_in_progress(client: RedisClient) -> None:
    app = await start(client, "social_live")
    await app.at("12:00", visit("s1", "start"), visit("s2", "start"), visit("s3", "start"))
    await app.at("12:10", visit("s1", "end"))
    view = shipped_event("view", {"contentType": "post", "contentId": "p"}, subject_id="1")
    view.session_id = "s2"
    await app.at("12:20", view)
    assert await app.shown("sessions_in_progress") == (2, {})
    # The third fell silent.
    await app.at("12:30")
    assert await app.shown("sessions_in_progress") == (1, {})


@pytest.mark.parametrize("app_id", sorted(catalogs()))
def test_nothing_else_has_gauges(app_id: str) -> None:
    assert set(compile_plan(catalogs()[app_id]).gauges) == {
        "addvalue": {"online_now", "in_wave", "activations_in_progress"},
        "social_live": {"sessions_in_progress"},
        "unofficial_communities": {"population", "in_zone"},
    }.get(app_id, set())

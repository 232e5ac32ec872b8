"""Unofficial Communities, sections 7 and 9: what a day of events adds up to, worked out by hand."""

from typing import Any

from weir.common.v1 import event_pb2

from tests.support.aggregate_batches import seconds
from tests.support.documents.numbers import cells
from tests.support.documents.shipped import catalogs, shipped_event
from tests.support.pseudonyms import PSEUDONYMS

DAY = seconds("2026-01-14")


def _event(
    name: str, hour: float, person: str, community: str, **properties: Any
) -> event_pb2.Event:
    event = shipped_event(name, properties, subject_id=person, group_id=community)
    event.occurred_at.FromSeconds(DAY + int(hour * 3_600))
    return event


def _cells(rollup: str, *events: event_pb2.Event) -> dict[tuple[Any, ...], dict[str, float]]:
    return cells("unofficial_communities", rollup, *events)


def _mission(hour: int, person: str, community: str, kind: str, xp: int) -> event_pb2.Event:
    name = "gamification.mission.completed"
    return _event(name, hour, person, community, mission_type=kind, xp_awarded=xp)


def test_mission_completion_by_community_type_and_day() -> None:
    found = _cells(
        "mission_completion",
        _mission(0, "1", "7", "send_messages", 50),
        _mission(23, "1", "7", "send_messages", 55),
        _mission(5, "2", "7", "send_messages", 0),
        _mission(5, "2", "7", "visit_zones", 40),
        _mission(5, "2", "8", "send_messages", 10),
        # The next day begins at midnight UTC.
        _mission(24, "1", "7", "send_messages", 5),
    )
    assert found[DAY, "7", "send_messages"] == {
        "completions": 3,
        "total_xp_awarded": 105,
        "avg_xp": 35,
        "unique_users": 2,
    }
    assert {key: cell["completions"] for key, cell in found.items()} == {
        (DAY, "7", "send_messages"): 3,
        (DAY, "7", "visit_zones"): 1,
        (DAY, "8", "send_messages"): 1,
        (DAY + 86_400, "7", "send_messages"): 1,
    }


def test_who_denies_consent_at_noon_is_one_active_user_of_the_day() -> None:
    """Two events before and one after, under the pseudonym that ingest stores then; and another person."""
    denied = _mission(13, "", "7", "send_messages", 5)
    denied.anonymous_id = PSEUDONYMS.pseudonym("unofficial_communities", "12345")
    events = [_mission(hour, "12345", "7", "send_messages", 5) for hour in (9, 11)]
    other = _mission(9, "12346", "7", "send_messages", 5)
    for expected, found in (
        (1, _cells("dau", *events, denied)),
        (2, _cells("dau", *events, denied, other)),
    ):
        assert found == {(DAY, "7"): {"active_users": expected, "returning_users": expected}}
    assert _cells("activity", *events, denied, other) == {(DAY,): {"active_users": 2}}
    unique = _cells("mission_completion", *events, denied)[DAY, "7", "send_messages"]
    assert (unique["completions"], unique["unique_users"]) == (3, 1)


def test_zone_dwell_time_by_community_zone_and_day() -> None:
    def left(hour: int, zone: str, stayed: float, community: str = "7") -> event_pb2.Event:
        name = "world.zone.exited"
        return _event(name, hour, "1", community, zone_type=zone, duration_seconds=stayed)

    found = _cells(
        "zone_dwell",
        left(1, "workshop", 61.5),
        left(2, "workshop", 30),
        left(2, "quiet_refuge", 600),
        left(2, "workshop", 5, "8"),
        left(25, "workshop", 5),
        _event("world.zone.entered", 1, "1", "7", zone_type="workshop"),
    )
    assert found == {
        (DAY, "7", "workshop"): {"visits": 2, "avg_duration": 45.75},
        (DAY, "7", "quiet_refuge"): {"visits": 1, "avg_duration": 600},
        (DAY, "8", "workshop"): {"visits": 1, "avg_duration": 5},
        (DAY + 86_400, "7", "workshop"): {"visits": 1, "avg_duration": 5},
    }


def test_average_session_duration_is_the_sum_by_the_number_of_sessions() -> None:
    found = _cells(
        "world_sessions",
        *(
            _event("world.session.ended", n, str(n), "7", duration_seconds=100 * n)
            for n in (1, 2, 6)
        ),
        _event("world.session.started", 1, "1", "7", room_population=3),
        _event("user.logout.completed", 1, "1", "7", session_duration_seconds=5_000),
    )
    # 900 seconds in three sessions.
    assert found == {(DAY, "7"): {"sessions": 3, "avg_duration": 300}}


def test_every_event_is_counted() -> None:
    names = sorted(catalogs()["unofficial_communities"].events)
    found = _cells("events", *(_event(name, 3, "1", "7") for name in names for _ in range(2)))
    assert {key[1]: cell["events"] for key, cell in found.items()} == dict.fromkeys(names, 2)
    assert len(names) == 58


def test_active_people_are_new_and_returning_ones() -> None:
    # 150 people, of whom 12 sign up on this day, eleven before they do something else.
    people = [str(number) for number in range(150)]
    signups = [_event("user.signup.completed", 9, person, "1") for person in people[:12]]
    others = [
        _event("world.zone.entered", 12, person, "1", zone_type="workshop") for person in people[1:]
    ]
    elsewhere = _event("user.signup.completed", 9, "150", "2")
    # Starting a signup makes no person active, and who leaves a community is not.
    inactive = [
        _event(name, 9, "151", "1") for name in ("user.signup.started", "community.member.left")
    ]
    found = _cells("dau", *signups, *others, *others[:5], elsewhere, *inactive)
    assert found == {
        (DAY, "1"): {"active_users": 150, "new_users": 12, "returning_users": 138},
        (DAY, "2"): {"active_users": 1, "new_users": 1, "returning_users": 0},
    }


def test_the_missions_of_the_documents_example() -> None:
    # 89 completions of 50 XP by 72 people: 17 of them do it twice.
    people = [str(number % 72) for number in range(89)]
    found = _cells(
        "mission_completion", *(_mission(8, person, "1", "send_messages", 50) for person in people)
    )
    assert found == {
        (DAY, "1", "send_messages"): {
            "completions": 89,
            "unique_users": 72,
            "total_xp_awarded": 4450,
            "avg_xp": 50,
        }
    }


def test_the_time_since_the_assignment_is_declared() -> None:
    """What it comes to is computed in SQL: tests/integration/aggregate/test_verify_kinds.py works one out."""
    metrics = {
        one.name: one
        for one in catalogs()["unofficial_communities"].rollups["mission_completion"].metrics
    }
    time = metrics["avg_completion_time_minutes"]
    assert (time.kind, time.since) == ("elapsed", "gamification.mission.assigned")
    # Minutes, of the same day.
    assert time.unit_seconds == 60
    assert catalogs()["unofficial_communities"].rollups["mission_completion"].period == "day"


def test_xp_is_added_up_by_day() -> None:
    # 1 to 100 XP: the median is 50, nine in ten are at most 90.
    awards = [_event("gamification.xp.awarded", 3, "1", "7", amount=n) for n in range(1, 101)]
    other = _event("gamification.xp.awarded", 24, "1", "8", amount=-5)
    assert _cells("xp", *awards, other, _mission(3, "1", "7", "visit_zones", 40)) == {
        (DAY,): {"xp_awarded": 5050, "median_xp": 50, "p90_xp": 90},
        (DAY + 86_400,): {"xp_awarded": -5, "median_xp": -5, "p90_xp": -5},
    }


def test_every_event_of_gamification_has_numbers_of_its_own() -> None:
    catalog = catalogs()["unofficial_communities"]
    names = {name for name in catalog.events if name.startswith("gamification.")}
    assert len(names) == 9
    own = [
        rollup
        for name, rollup in catalog.rollups.items()
        if name not in ("events", "activity", "dau")
    ]
    assert names <= {event for rollup in own for event in rollup.events}
    assert _cells(
        "levels",
        _event("gamification.level.up", 1, "1", "7", old_level=2, new_level=3),
        _event("gamification.level.up", 2, "1", "7", old_level=3, new_level=4),
    ) == {(DAY,): {"level_ups": 2, "people": 1, "highest_level": 4}}
    continued = "gamification.streak.continued"
    assert _cells(
        "streaks",
        _event(continued, 1, "1", "7", streak_day=8),
        _event(continued, 1, "2", "7", streak_day=3),
        _event("gamification.streak.broken", 1, "3", "7", previous_streak=9),
    ) == {
        (DAY, continued): {"streaks": 2, "longest": 8},
        (DAY, "gamification.streak.broken"): {"streaks": 1},
    }


def test_standard_aggregates_are_kept_for_five_years() -> None:
    rollups = catalogs()["unofficial_communities"].rollups
    for name in ("dau", "mission_completion", "zone_dwell", "world_sessions", "xp", "levels"):
        assert rollups[name].cell_retention_days == 5 * 365, name
    for name in ("system_health", "background_jobs", "webhooks"):
        assert rollups[name].cell_retention_days == 30, name


def test_the_health_of_a_service_and_the_webhooks_of_a_source() -> None:
    [health] = _cells(
        "system_health",
        _event("system.startup", 1, "", "", service="ingest"),
        _event("system.health.degraded", 1.5, "", "", service="ingest", check_name="redis"),
        _event("system.health.recovered", 1.6, "", "", service="ingest", downtime_seconds=30.5),
    ).values()
    assert health == {"startups": 1, "degradations": 1, "recoveries": 1, "downtime_seconds": 30.5}
    processed = [
        _event("webhook.processed", 1, "", "", source="whatsapp", duration_ms=n)
        for n in range(1, 21)
    ]
    failed = _event("webhook.failed", 1, "", "", source="whatsapp", error_code=500)
    [webhooks] = _cells("webhooks", *processed, failed).values()
    # 0.95 times 20 is 19.
    assert webhooks == {
        "processed": 20,
        "failed": 1,
        "median_duration_ms": 10,
        "p95_duration_ms": 19,
    }


def test_whatsapp_activity_by_day_community_person_and_type() -> None:
    """Section 2.5: one count for each, and nothing about a message but that there was one."""

    def activity(kind: str, hour: float, person: str, community: str) -> event_pb2.Event:
        return _event(f"whatsapp.{kind}", hour, person, community)

    found = _cells(
        "whatsapp_daily",
        activity("message.sent", 0, "1", "7"),
        activity("message.sent", 12, "1", "7"),
        activity("message.sent", 23.9, "1", "7"),
        activity("reaction.added", 12, "1", "7"),
        activity("message.sent", 12, "2", "7"),
        activity("message.sent", 12, "1", "8"),
        activity("message.sent", 24, "1", "7"),
    )
    one, two = (PSEUDONYMS.pseudonym("unofficial_communities", person) for person in "12")
    sent, reacted = "whatsapp.message.sent", "whatsapp.reaction.added"
    assert found == {
        (DAY, "7", one, sent): {"count": 3},
        (DAY, "7", one, reacted): {"count": 1},
        (DAY, "7", two, sent): {"count": 1},
        (DAY, "8", one, sent): {"count": 1},
        (DAY + 86_400, "7", one, sent): {"count": 1},
    }
    rollup = catalogs()["unofficial_communities"].rollups["whatsapp_daily"]
    assert rollup.personal_dimensions == {"person"}
    assert rollup.cell_retention_days == 5 * 365


def test_zones_have_the_names_and_types_of_the_document() -> None:
    catalog = catalogs()["unofficial_communities"]
    zones = catalog.labels["zone_type"]
    # Section 2.4, in its order.
    assert [(zone, label.name, label.type) for zone, label in zones.items()] == [
        ("central_hub", "Central Hub", "Interior"),
        ("workshop", "Workshop", "Interior"),
        ("social_east", "Lounge East", "Interior"),
        ("social_west", "Lounge West", "Interior"),
        ("brand_zone", "Partner Space", "Interior"),
        ("quiet_refuge", "Quiet Room", "Interior"),
        ("onboarding", "Welcome", "Interior"),
        ("portal_ne", "Northeast Portal", "Portal"),
        ("portal_e", "East Portal", "Portal"),
        ("portal_se", "Southeast Portal", "Portal"),
        ("portal_sw", "Southwest Portal", "Portal"),
        ("portal_w", "West Portal", "Portal"),
        ("portal_nw", "Northwest Portal", "Portal"),
    ]
    schema: Any = catalog.events["world.zone.exited"].latest.schema
    assert set(schema["properties"]["zone_type"]["enum"]) == set(zones)

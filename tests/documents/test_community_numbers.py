"""Unofficial Communities, sections 7 and 9: what a day of events adds up to, worked out by hand."""

from decimal import Decimal
from typing import Any

from weir.common.v1 import event_pb2

from services.aggregate.counting.fold import fold
from services.aggregate.model import Measure
from services.aggregate.plan import compile_plan
from services.aggregate.values import cell_values
from tests.support.aggregate_batches import batch, seconds
from tests.support.documents.shipped import catalogs, shipped_event
from tests.support.pseudonyms import PSEUDONYMS

DAY = seconds("2026-01-14")


def _event(name: str, hour: int, person: str, community: str, **properties: Any) -> event_pb2.Event:
    event = shipped_event(name, properties, subject_id=person, group_id=community)
    event.occurred_at.FromSeconds(DAY + hour * 3_600)
    return event


def _cells(rollup: str, *events: event_pb2.Event) -> dict[tuple[Any, ...], dict[str, float]]:
    """The numbers of a rollup as a reader gets them, by bucket and dimensions."""
    plan = compile_plan(catalogs()["unofficial_communities"])
    found = {}
    for key, measures, members in fold(plan, [batch(*events)], PSEUDONYMS)[rollup].cells():
        stored = {
            measure.metric: Measure(
                # A store counts the members of a distinct metric.
                len(members.get(measure.metric, ())) or measure.count,
                None if measure.total is None else Decimal(measure.total),
                measure.minimum,
                measure.maximum,
            )
            for measure in measures
        }
        found[key] = cell_values(plan.rollups[rollup], stored)
    return found


def _mission(hour: int, person: str, community: str, kind: str, xp: int) -> event_pb2.Event:
    name = "gamification.mission.completed"
    return _event(name, hour, person, community, mission_type=kind, xp_awarded=xp)


def test_mission_completion_by_community_type_and_day() -> None:
    cells = _cells(
        "mission_completion",
        _mission(0, "1", "7", "send_messages", 50),
        _mission(23, "1", "7", "send_messages", 55),
        _mission(5, "2", "7", "send_messages", 0),
        _mission(5, "2", "7", "visit_zones", 40),
        _mission(5, "2", "8", "send_messages", 10),
        # The next day begins at midnight UTC.
        _mission(24, "1", "7", "send_messages", 5),
    )
    assert cells[DAY, "7", "send_messages"] == {
        "completions": 3,
        "total_xp_awarded": 105,
        "avg_xp": 35,
        "unique_users": 2,
    }
    assert {key: cell["completions"] for key, cell in cells.items()} == {
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
    assert _cells("dau", *events, denied) == {(DAY, "7"): {"active_users": 1}}
    assert _cells("dau", *events, denied, other) == {(DAY, "7"): {"active_users": 2}}
    assert _cells("activity", *events, denied, other) == {(DAY,): {"active_users": 2}}
    unique = _cells("mission_completion", *events, denied)[DAY, "7", "send_messages"]
    assert (unique["completions"], unique["unique_users"]) == (3, 1)


def test_zone_dwell_time_by_community_zone_and_day() -> None:
    def left(hour: int, zone: str, stayed: float, community: str = "7") -> event_pb2.Event:
        name = "world.zone.exited"
        return _event(name, hour, "1", community, zone_type=zone, duration_seconds=stayed)

    cells = _cells(
        "zone_dwell",
        left(1, "workshop", 61.5),
        left(2, "workshop", 30),
        left(2, "quiet_refuge", 600),
        left(2, "workshop", 5, "8"),
        left(25, "workshop", 5),
        _event("world.zone.entered", 1, "1", "7", zone_type="workshop"),
    )
    assert cells == {
        (DAY, "7", "workshop"): {"visits": 2, "avg_duration": 45.75},
        (DAY, "7", "quiet_refuge"): {"visits": 1, "avg_duration": 600},
        (DAY, "8", "workshop"): {"visits": 1, "avg_duration": 5},
        (DAY + 86_400, "7", "workshop"): {"visits": 1, "avg_duration": 5},
    }


def test_average_session_duration_is_the_sum_by_the_number_of_sessions() -> None:
    cells = _cells(
        "world_sessions",
        *(
            _event("world.session.ended", n, str(n), "7", duration_seconds=100 * n)
            for n in (1, 2, 6)
        ),
        _event("world.session.started", 1, "1", "7", room_population=3),
        _event("user.logout.completed", 1, "1", "7", session_duration_seconds=5_000),
    )
    # 900 seconds in three sessions.
    assert cells == {(DAY, "7"): {"sessions": 3, "avg_duration": 300}}


def test_every_event_is_counted() -> None:
    names = sorted(catalogs()["unofficial_communities"].events)
    cells = _cells("events", *(_event(name, 3, "1", "7") for name in names for _ in range(2)))
    assert {key[1]: cell["events"] for key, cell in cells.items()} == dict.fromkeys(names, 2)
    assert len(names) == 58

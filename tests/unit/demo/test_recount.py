"""The demo's own counting, held against numbers worked out by hand, and its eye for differences."""

from datetime import UTC, datetime
from typing import Any

import pytest

from demo.cells import Difference, differences
from demo.known_recount import KNOWN, Known, taken_events
from demo.model import DemoEvent, ExpectedVerdict
from libs.events.recount import cell_key

DAY = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp())


def _event(app_id: str, name: str, hour: int, who: str, **properties: Any) -> DemoEvent:
    return DemoEvent(
        app_id=app_id,
        event_id=f"{name}-{hour}-{who}-{properties}",
        name=name,
        occurred_at=datetime(2026, 5, 1, hour, 59, 59, 999_999, tzinfo=UTC),
        producer="api",
        subject_id=who,
        anonymous_id="",
        session_id="",
        group_id="7",
        entity={},
        context={},
        attribution={},
        properties=properties,
        possible=frozenset(ExpectedVerdict),
    )


def _known(app_id: str, rollup: str) -> Known:
    return next(k for k in KNOWN if (k.app_id, k.rollup) == (app_id, rollup))


def _mission(hour: int, who: str, kind: str, xp: int) -> DemoEvent:
    return _event(
        "unofficial_communities",
        "gamification.mission.completed",
        hour,
        who,
        mission_type=kind,
        xp_awarded=xp,
    )


ANSWERED = [
    (_mission(0, "1", "send_messages", 50), ExpectedVerdict.ACCEPTED),
    (_mission(0, "1", "send_messages", 55), ExpectedVerdict.ACCEPTED),
    (_mission(23, "2", "send_messages", 10), ExpectedVerdict.ANONYMIZED),
    (_mission(23, "2", "visit_zones", 40), ExpectedVerdict.ANONYMIZED),
    (_mission(5, "3", "send_messages", 999), ExpectedVerdict.REJECTED),
    (_mission(5, "3", "send_messages", 999), ExpectedVerdict.DUPLICATE),
    (_mission(5, "3", "send_messages", 999), ExpectedVerdict.DROPPED),
    (_event("unofficial_communities", "user.login.completed", 0, "2"), ExpectedVerdict.ACCEPTED),
]


def test_missions_by_hand() -> None:
    cells = _known("unofficial_communities", "mission_completion").cells(taken_events(ANSWERED))
    assert cells == {
        cell_key(DAY, {"community_id": "7", "mission_type": "send_messages"}): {
            "completions": 3,
            "unique_users": 2,
            "total_xp_awarded": 115,
            "avg_xp": pytest.approx(115 / 3),
        },
        cell_key(DAY, {"community_id": "7", "mission_type": "visit_zones"}): {
            "completions": 1,
            "unique_users": 1,
            "total_xp_awarded": 40,
            "avg_xp": 40,
        },
    }


def test_active_users_are_not_those_who_only_log_in() -> None:
    cells = _known("unofficial_communities", "dau").cells(taken_events(ANSWERED))
    assert cells == {
        cell_key(DAY, {"community_id": "7"}): {"active_users": 2, "returning_users": 2}
    }


def test_events_by_hour_and_name() -> None:
    cells = _known("unofficial_communities", "events").cells(taken_events(ANSWERED))
    mission = {"name": "gamification.mission.completed"}
    assert cells == {
        cell_key(DAY, mission): {"events": 2},
        cell_key(DAY + 23 * 3_600, mission): {"events": 2},
        cell_key(DAY, {"name": "user.login.completed"}): {"events": 1},
    }


def test_amounts_are_added_up_as_they_are_written() -> None:
    bought = [
        (
            _event("social_live", "purchase", 1, str(n), amount=0.1, currency="EUR"),
            ExpectedVerdict.ACCEPTED,
        )
        for n in range(1_000)
    ]
    [values] = _known("social_live", "revenue").cells(taken_events(bought)).values()
    assert values["revenue"] == 100.0
    assert values["avg_order"] == 0.1


def test_the_same_cells_do_not_differ() -> None:
    cells = {cell_key(DAY, {"a": 1.0}): {"sum": 0.1 + 0.2}}
    assert differences("app", "r", cells, {cell_key(DAY, {"a": 1}): {"sum": 0.3}}, "sql") == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"count": 2.0}, {"count": 3.0}),
        ({"count": 2.0}, {"count": 2.0, "sum": 0.0}),
        ({"sum": 100.00001}, {"sum": 100.0}),
        (None, {"count": 1.0}),
        ({"count": 1.0}, None),
    ],
)
def test_a_cell_that_is_wrong_missing_or_too_much_is_found(
    found: dict[str, float] | None, expected: dict[str, float] | None
) -> None:
    key, right = cell_key(DAY, {"a": "x"}), {cell_key(DAY, {"a": "y"}): {"count": 1.0}}
    one = right if found is None else {key: found, **right}
    other = right if expected is None else {key: expected, **right}
    assert differences("app", "r", one, other, "sql") == [
        Difference("app", "r", key, found, expected, "sql")
    ]

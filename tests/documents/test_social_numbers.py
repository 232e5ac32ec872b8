"""Social Live: numbers of streams, sessions and types of events, worked out by hand."""

from typing import Any

from weir.common.v1 import event_pb2

from tests.support.aggregate_batches import seconds
from tests.support.documents.numbers import cells
from tests.support.documents.shipped import catalogs, shipped_event

APP = "social_live"
# A Thursday; its week begins on 2026-03-30, in another month than most of its days.
DAY = seconds("2026-04-02")


def _event(name: str, hour: float, person: str, **properties: Any) -> event_pb2.Event:
    event = shipped_event(name, properties, subject_id=person)
    event.occurred_at.FromSeconds(DAY + int(hour * 3_600))
    return event


def test_each_type_is_counted_by_each_period_with_further_numbers() -> None:
    events = [
        _event("view", 1, "1", viewDuration=30),
        _event("view", 1.5, "1", viewDuration=12.5),
        _event("view", 1.5, "2"),
        _event("view", 26, "1", viewDuration=1),
        _event("purchase", 1, "2", amount=19.99),
        _event("purchase", -60, "2", amount=5),
    ]
    assert cells(APP, "types_hour", *events) == {
        (DAY + 3_600, "view"): {"count": 3, "seconds_viewed": 42.5},
        (DAY + 26 * 3_600, "view"): {"count": 1, "seconds_viewed": 1},
        (DAY + 3_600, "purchase"): {"count": 1, "amount": 19.99},
        (DAY - 60 * 3_600, "purchase"): {"count": 1, "amount": 5},
    }
    found = cells(APP, "types_day", *events)
    assert found[DAY, "view"] == {"count": 3, "people": 2, "seconds_viewed": 42.5}
    # From Monday on: the purchase 60 hours before Thursday is of Monday noon.
    week = seconds("2026-03-30")
    assert cells(APP, "types_week", *events) == {
        (week, "view"): {"count": 4, "seconds_viewed": 43.5},
        (week, "purchase"): {"count": 2, "amount": 24.99},
    }
    assert cells(APP, "types_month", *events) == {
        (seconds("2026-04-01"), "view"): {"count": 4, "seconds_viewed": 43.5},
        (seconds("2026-04-01"), "purchase"): {"count": 1, "amount": 19.99},
        (seconds("2026-03-01"), "purchase"): {"count": 1, "amount": 5},
    }


def test_every_type_has_its_numbers_in_every_period() -> None:
    names = sorted(catalogs()[APP].events)
    assert names == ["engagement", "purchase", "session", "stream", "view"]
    for period in ("hour", "day", "week", "month"):
        rollup = f"types_{period}"
        found = cells(APP, rollup, *(_event(name, 1, "1") for name in names))
        assert {key[1]: cell["count"] for key, cell in found.items()} == dict.fromkeys(names, 1)
        kept = 365 if period == "hour" else 5 * 365
        assert catalogs()[APP].rollups[rollup].cell_retention_days == kept


def test_a_stream_has_viewers_joins_and_durations() -> None:
    def stream(person: str, action: str, name: str = "s1", **properties: Any) -> event_pb2.Event:
        return _event("stream", 5, person, streamId=name, action=action, **properties)

    events = [
        stream("1", "join", viewerCount=1),
        stream("2", "join", viewerCount=2),
        stream("1", "like"),
        stream("1", "leave", duration=60, viewerCount=1),
        stream("1", "join"),
        stream("1", "leave", duration=100),
        stream("2", "leave", duration=200),
        stream("2", "join", "s2"),
        stream("3", "join", "s2"),
    ]
    assert cells(APP, "streams", *events) == {
        (DAY,): {
            "interactions": 9,
            "viewers": 3,
            "joins": 5,
            "leaves": 3,
            "most_viewers": 2,
            "watch_seconds": 360,
            "median_duration": 100,
            "p90_duration": 200,
        }
    }
    assert cells(APP, "stream_audience", *events) == {
        (DAY, "s1"): {"viewers": 2, "watch_seconds": 360, "avg_duration": 120},
        (DAY, "s2"): {"viewers": 2},
    }


def test_sessions_are_counted_from_begin_to_end() -> None:
    def session(person: str, action: str, **properties: Any) -> event_pb2.Event:
        return _event("session", 5, person, action=action, **properties)

    [found] = cells(
        APP,
        "sessions",
        session("1", "start"),
        session("1", "end", duration=100),
        session("1", "start"),
        session("1", "end", duration=20),
        session("2", "start"),
        session("2", "end", duration=60),
        session("3", "start", duration=0),
    ).values()
    # What a session that has only begun says is no duration.
    assert found == {
        "started": 4,
        "ended": 3,
        "people": 3,
        "avg_duration": 60,
        "median_duration": 60,
        "p90_duration": 100,
    }

"""MLC-LMS: the common numbers of learning, interaction, performance and business, worked out by hand."""

from typing import Any

from weir.common.v1 import event_pb2

from tests.support.aggregate_batches import seconds
from tests.support.documents.numbers import cells
from tests.support.documents.shipped import catalogs, shipped_event

APP = "mlc_lms"
DAY = seconds("2026-04-02")


def _event(name: str, person: str = "u1", hour: float = 9, **properties: Any) -> event_pb2.Event:
    context = properties.pop("context", {})
    event = shipped_event(name, properties, subject_id=person, group_id="org-1")
    event.occurred_at.FromSeconds(DAY + int(hour * 3_600))
    for field, value in context.items():
        setattr(event.context, field, value)
    return event


def _one(rollup: str, *events: event_pb2.Event) -> dict[str, float]:
    [values] = cells(APP, rollup, *events).values()
    return values


def test_learning_by_organization_class_teacher_and_game() -> None:
    def finished(person: str, teacher: str = "t1", **properties: Any) -> event_pb2.Event:
        return _event(
            "game_stage_complete",
            person,
            context={"class_id": "c1", "teacher_id": teacher},
            game_id="G-00001",
            stage_id="G-00001-quiz",
            **properties,
        )

    events = [
        finished("u1", score=80, passed=True, attempts=1, duration_ms=1_000),
        finished("u1", score=40, passed=False, attempts=2, duration_ms=2_000),
        finished("u2", score=90, passed=True, attempts=3, duration_ms=6_000),
        finished("u3", "t2", score=10, passed=False),
    ]
    assert cells(APP, "class_results", *events) == {
        (DAY, "org-1", "c1", "t1"): {
            "completions": 3,
            "passed": 2,
            "students": 2,
            "avg_score": 70,
            "avg_attempts": 2,
            "avg_duration_ms": 3_000,
        },
        (DAY, "org-1", "c1", "t2"): {
            "completions": 1,
            "students": 1,
            "avg_score": 10,
        },
    }
    assert cells(APP, "stage_results", *events) == {
        (DAY, "org-1", "G-00001"): {
            "completions": 4,
            "students": 3,
            "avg_score": 55,
            "avg_attempts": 2,
        },
    }


def test_how_fast_pages_and_calls_are() -> None:
    times = [*range(1, 20), 5_000]
    pages = [
        _event("page_load_time", hour=9.5, page_url="/home", load_time_ms=time) for time in times
    ]
    # Of 20 numbers the tenth and, 0.95 times 20 being 19, the nineteenth; 5,190 in all.
    assert _one("page_times", *pages) == {
        "measured": 20,
        "avg_load_ms": 259.5,
        "median_load_ms": 10,
        "p95_load_ms": 19,
        "slowest_load_ms": 5_000,
    }
    calls = [
        _event("api_response_time", endpoint="/api", method="GET", response_time_ms=time)
        for time in (100, 200, 600)
    ]
    assert _one("api_times", *calls) == {
        "measured": 3,
        "avg_response_ms": 300,
        "median_response_ms": 200,
        "p95_response_ms": 600,
        "slowest_response_ms": 600,
    }


def test_seats_are_those_of_the_newest_event() -> None:
    def seats(hour: float, used: int) -> event_pb2.Event:
        return _event("seat_utilization", "", hour, seats_used=used, seats_total=30)

    assert _one("seats", seats(18, 21), seats(6, 12), seats(12, 25)) == {
        "used": 21,
        "total": 30,
        "most_used": 25,
    }


def test_business_and_support() -> None:
    def paid(amount: float, currency: str) -> event_pb2.Event:
        return _event("payment_processed", amount=amount, currency=currency)

    assert cells(APP, "payments", paid(9.99, "EUR"), paid(0.01, "EUR"), paid(5, "USD")) == {
        (DAY, "org-1", "EUR"): {"payments": 2, "amount": 10},
        (DAY, "org-1", "USD"): {"payments": 1, "amount": 5},
    }
    created, updated = _event("subscription_created"), _event("subscription_updated")
    assert _one("subscriptions", created, updated, updated) == {"created": 1, "updated": 2}
    opened, resolved = _event("support_ticket_created"), _event("support_ticket_resolved")
    assert _one("tickets", opened, opened, resolved) == {"opened": 2, "resolved": 1}


def test_interactions_and_errors_by_name() -> None:
    events = [
        _event("user_logout", session_duration_ms=1_000),
        _event("user_logout", "u2", session_duration_ms=2_000),
        _event("menu_click"),
    ]
    assert cells(APP, "interactions", *events) == {
        (DAY, "org-1", "user_logout"): {"interactions": 2},
        (DAY, "org-1", "menu_click"): {"interactions": 1},
    }
    assert _one("sessions", *events) == {"ended": 2, "avg_session_ms": 1_500}
    errors = [_event("api_error"), _event("api_error"), _event("game_error", "u2")]
    hour = DAY + 9 * 3_600
    assert cells(APP, "errors", *errors) == {
        (hour, "api_error"): {"errors": 2, "people": 1},
        (hour, "game_error"): {"errors": 1, "people": 1},
    }


def test_every_event_but_a_few_has_numbers_of_its_own() -> None:
    catalog = catalogs()[APP]
    own = {
        event
        for name, rollup in catalog.rollups.items()
        if name not in ("events", "activity")
        for event in rollup.events
    }
    # Their hourly counts are in `events`.
    assert set(catalog.events) - own == {
        "game_stage_start",
        "game_stage_quit",
        "page_view",
        "asset_load_time",
        "leaderboard_update",
        "review_scheduled",
    }

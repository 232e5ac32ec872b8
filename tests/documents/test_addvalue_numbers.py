"""AddValue, section 3: the numbers of an hour, a day, a week and a month, worked out by hand."""

from typing import Any

from weir.common.v1 import event_pb2

from tests.support.aggregate_batches import seconds
from tests.support.documents.numbers import cells
from tests.support.documents.shipped import catalogs, shipped_event

APP = "addvalue"
# The Sunday before New Year's week: 2027-01-01 is the Friday of the week of 2026-12-28.
SUNDAY = seconds("2026-12-27")
MONDAY, NEW_YEAR = SUNDAY + 86_400, seconds("2027-01-01")
_HOUR = 3_600


def _event(name: str, at: int, person: str, **properties: Any) -> event_pb2.Event:
    event = shipped_event(name, properties, subject_id=person)
    event.occurred_at.FromSeconds(at)
    return event


def _platform(period: str, *events: event_pb2.Event) -> dict[int, dict[str, float]]:
    found = cells(APP, f"platform_{period}", *events)
    return {bucket: values for (bucket,), values in found.items()}


def test_active_users_of_a_day_a_week_and_a_month() -> None:
    events = [
        _event("user_login", SUNDAY + 86_399, "1"),
        _event("user_login", MONDAY, "1"),
        _event("user_signup", MONDAY + 60, "2"),
        _event("microact_created", MONDAY + 86_400, "1", microact_id="a", category="kindness"),
        _event("user_login", NEW_YEAR, "2"),
        _event("user_login", NEW_YEAR, "3"),
        _event("user_signup", NEW_YEAR + 1, "4"),
        # Changing one's consent is not using the product.
        _event("user_consent_update", NEW_YEAR, "5", analytics=True),
    ]
    assert {day: cell["active_users"] for day, cell in _platform("day", *events).items()} == {
        SUNDAY: 1,
        MONDAY: 2,
        MONDAY + 86_400: 1,
        NEW_YEAR: 3,
    }
    # A week across the year's end: 1, 2, 3 and 4.
    assert _platform("week", *events) == {
        MONDAY - 7 * 86_400: {"active_users": 1},
        MONDAY: {"active_users": 4, "new_users": 2, "microacts": 1},
    }
    assert _platform("month", *events) == {
        seconds("2026-12-01"): {"active_users": 2, "new_users": 1, "microacts": 1},
        NEW_YEAR: {"active_users": 3, "new_users": 1},
    }


def test_one_number_for_the_micro_acts_of_a_day() -> None:
    acts = [
        _event("microact_created", MONDAY + hour * _HOUR, "1", microact_id=str(hour), category=kind)
        for hour, kind in enumerate(["kindness", "courage", "kindness", "nature"])
    ]
    edited = _event("microact_updated", MONDAY, "1", microact_id="0", category="courage")
    found = _platform("day", *acts, edited)
    assert found == {MONDAY: {"active_users": 1, "microacts": 4}}
    assert cells(APP, "microacts_day", *acts) == {
        (MONDAY, "kindness"): {"microacts": 2, "people": 1},
        (MONDAY, "courage"): {"microacts": 1, "people": 1},
        (MONDAY, "nature"): {"microacts": 1, "people": 1},
    }


def test_what_the_platform_does() -> None:
    events = [
        _event("activation_started", MONDAY, "1"),
        _event("activation_started", MONDAY, "2"),
        _event("activation_completed", MONDAY + 60, "1", duration_seconds=60),
        _event("microact_shared", MONDAY, "1", microact_id="a"),
        _event("post_created", MONDAY, "1", post_id="p"),
        _event("post_liked", MONDAY, "2", post_id="p"),
        _event("user_followed", MONDAY, "2", followed_user_id="1"),
        _event("wave_joined", MONDAY, "3", wave_id="w"),
        _event("wave_joined", MONDAY, "3", wave_id="v"),
    ]
    assert _platform("day", *events) == {
        MONDAY: {
            "active_users": 3,
            "activations_started": 2,
            "activations_completed": 1,
            "microacts_shared": 1,
            "community_actions": 3,
            "wave_participants": 1,
        }
    }


def test_a_summary_of_the_waves_of_a_week() -> None:
    def wave(name: str, day: int, person: str, wave_id: str = "w") -> event_pb2.Event:
        return _event(f"wave_{name}", MONDAY + day * 86_400, person, wave_id=wave_id)

    events = [
        wave("registered", 0, "1"),
        wave("registered", 0, "2"),
        wave("registered", 0, "3"),
        # Who joins on two days is one participant of the week.
        wave("joined", 1, "1"),
        wave("joined", 2, "1", "v"),
        wave("joined", 6, "2"),
        wave("left", 6, "2"),
        wave("interaction", 1, "1"),
        wave("interaction", 1, "1"),
        wave("microact_shared", 2, "1", "v"),
        wave("feedback_submitted", 6, "2"),
        wave("joined", 7, "3"),
    ]
    assert cells(APP, "wave_week", *events) == {
        (MONDAY,): {
            "registrations": 3,
            "participants": 2,
            "interactions": 2,
            "shared_microacts": 1,
            "feedback": 1,
        },
        (MONDAY + 7 * 86_400,): {"participants": 1},
    }
    of_days = cells(APP, "wave_day", *events)
    assert of_days[MONDAY + 2 * 86_400, "v"] == {"participants": 1, "shared_microacts": 1}
    assert of_days[MONDAY + 6 * 86_400, "w"] == {"participants": 1, "feedback": 1}


def test_jobs_write_down_the_numbers_of_their_period() -> None:
    jobs = catalogs()[APP].jobs
    assert "platform_day" in jobs["platform_metrics"].rollups
    assert {"platform_week", "wave_week"} <= set(jobs["weekly_summary"].rollups)
    assert "platform_month" in jobs["monthly_summary"].rollups


def test_who_is_satisfied_with_the_transparency() -> None:
    """AV-166: of four who answered in December three are satisfied, one of them twice; a fifth in January."""
    december, january = seconds("2026-12-01"), NEW_YEAR

    def answer(at: int, person: str, satisfied: bool) -> event_pb2.Event:
        return _event("transparency_survey_answered", at, person, satisfied=satisfied)

    answers = [
        answer(SUNDAY, "1", True),
        answer(SUNDAY + 60, "1", True),
        answer(SUNDAY, "2", True),
        answer(MONDAY, "3", True),
        answer(MONDAY, "4", False),
        answer(NEW_YEAR, "5", False),
    ]
    assert cells(APP, "transparency_survey", *answers) == {
        (december,): {"answered": 4, "satisfied": 3},
        (january,): {"answered": 1},
    }
    # An answer is no use of the product.
    both = [*answers, _event("user_login", MONDAY, "2")]
    assert cells(APP, "activity", *both) == {(MONDAY,): {"active_users": 1}}

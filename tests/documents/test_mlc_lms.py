"""The properties and the sampling that the document of MLC-LMS states, by rule."""

from typing import Any

import pytest
from weir.common.v1 import event_pb2

from services.ingest.intake.model import Verdict
from tests.documents.screened import NOW, PASSED, answer, declaring
from tests.support.documents.event_names import MLC_LMS
from tests.support.documents.shipped import catalogs
from tests.support.screening import screened_frame
from weir_client import build_event

APP = "mlc_lms"
# What the catalog requires of one event or another.
REQUIRED = {
    "game_id": "G-01542",
    "stage_id": "G-01542-quiz",
    "score": 87,
    "load_time_ms": 1_250,
    "response_time_ms": 150,
}
LEARNING = MLC_LMS[15:28]
NO_TEXT: tuple[Any, ...] = (5, True, ["a"], {"a": 1})
NO_INTEGER: tuple[Any, ...] = ("5", 1.5, True, [5])
NO_NUMBER: tuple[Any, ...] = ("5", True, [5])
NO_BOOLEAN: tuple[Any, ...] = ("true", 1, [True])
NO_NULL: tuple[Any, ...] = (None,)

# Rule, property, values that pass, values that are rejected; for every event that declares the property.
PROPERTIES: list[tuple[str, str, tuple[Any, ...], tuple[Any, ...]]] = [
    (
        "LMS023",
        "game_id",
        ("G-01542", "G-0412A"),
        ("01542", "G-1542", "G-015422", "g-01542", "G-01542-quiz", "G-01542\n", *NO_TEXT),
    ),
    (
        "LMS023",
        "stage_id",
        ("G-01542-quiz", "G-01542-learn"),
        ("G-01542", "G-01542-", "G-1542-quiz", "quiz", "xG-01542-quiz", *NO_TEXT),
    ),
    (
        "LMS024",
        "stage_type",
        ("learn", "play", "quiz", "challenge", "review"),
        ("exam", "", "Quiz", *NO_TEXT, *NO_NULL),
    ),
    ("LMS025", "score", (0, 87, 100), (-1, 101, *NO_INTEGER, *NO_NULL)),
    ("LMS025", "max_score", (100, 40), (*NO_INTEGER, *NO_NULL)),
    ("LMS026", "passed", (True, False), (*NO_BOOLEAN, *NO_NULL)),
    ("LMS026", "duration_ms", (0, 125_000), (*NO_INTEGER, *NO_NULL)),
    ("LMS026", "attempts", (1, 2), (*NO_INTEGER, *NO_NULL)),
    ("LMS026", "mistake_count", (0, 3, None), NO_INTEGER),
    (
        "LMS027",
        "input_mode",
        ("mouse", "keyboard", "midi", "touch"),
        ("voice", "", *NO_TEXT, *NO_NULL),
    ),
    (
        "LMS028",
        "device_profile",
        ("any", "midi_required", "mic_optional", "mic_required"),
        ("mic", "", *NO_TEXT, *NO_NULL),
    ),
    (
        "LMS029",
        "concept_tags",
        (["guide_notes", "treble_staff"], []),
        ("guide_notes", [1], [None], *NO_NULL),
    ),
    ("LMS029", "difficulty_level", (1, 10), (0, 11, *NO_INTEGER, *NO_NULL)),
    (
        "LMS030",
        "mastery_status",
        ("not_started", "in_progress", "mastered", "reviewed"),
        ("done", "", *NO_TEXT, *NO_NULL),
    ),
    ("LMS031", "time_to_mastery_ms", (125_000, None), NO_INTEGER),
    ("LMS031", "retention_score", (85, None), NO_INTEGER),
    ("LMS031", "adaptive_difficulty", (4, None), NO_INTEGER),
    (
        "LMS032",
        "learning_style",
        ("visual", "aural", "kinesthetic", "mixed"),
        ("verbal", "", *NO_TEXT, *NO_NULL),
    ),
]


@pytest.mark.parametrize(
    ("name", "good", "bad"), [pytest.param(*row[1:], id=f"{row[0]} {row[1]}") for row in PROPERTIES]
)
def test_a_property_has_the_values_of_the_document(
    name: str, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    events = declaring(APP, name)
    # Completed stages have all of them.
    assert "game_stage_complete" in events
    for event in events:
        for value in good:
            assert answer(APP, event, {**REQUIRED, name: value}) == PASSED, (event, value)
        for value in bad:
            field = answer(APP, event, {**REQUIRED, name: value})
            assert field.startswith(f"properties.{name}"), (event, value, field)


def test_a_type_that_the_document_does_not_name_is_rejected() -> None:
    for name in ("gameStageComplete", "game_stage_restart", "GAME_STAGE_COMPLETE", ""):
        assert answer(APP, name, REQUIRED) == "name"


# Rule, event, and for each property a value as in the document's example and one that is wrong.
EVENTS: list[tuple[str, str, dict[str, tuple[Any, Any]]]] = [
    (
        "LMS061",
        "user_login",
        {
            "login_method": ("oauth", "magic_link"),
            "mfa_used": (True, "no"),
            "session_duration_estimate": (1_800_000, "long"),
        },
    ),
    (
        "LMS062",
        "user_logout",
        {"session_duration_ms": (1_800_000, "long"), "logout_reason": ("forced", "crashed")},
    ),
    (
        "LMS063",
        "game_stage_start",
        {
            "game_id": ("G-01542", "1542"),
            "stage_id": ("G-01542-quiz", "quiz"),
            "stage_type": ("quiz", "exam"),
            "assignment_id": ("asg_789", 789),
            "sequence_id": ("seq_456", 456),
            "device_profile": ("midi_required", "midi"),
            "input_mode": ("midi", "voice"),
        },
    ),
    (
        "LMS064",
        "game_stage_complete",
        {
            "game_id": ("G-01542", "1542"),
            "stage_id": ("G-01542-quiz", "quiz"),
            "score": (87, 101),
            "max_score": (100, "100"),
            "passed": (True, "yes"),
            "duration_ms": (125_000, "125 s"),
            "attempts": (2, "twice"),
            "mistake_count": (3, "three"),
            "mastery_achieved": (True, "yes"),
        },
    ),
    (
        "LMS065",
        "target_met",
        {
            "game_id": ("G-01542", "1542"),
            "stage_id": ("G-01542-quiz", "quiz"),
            "target_score": (85, "85"),
            "actual_score": (87, "87"),
            "time_to_target_ms": (125_000, "125 s"),
            "attempts_to_target": (2, "twice"),
        },
    ),
    (
        "LMS066",
        "concept_mastered",
        {
            "game_id": ("G-01542", "1542"),
            "concept_tags": (["guide_notes", "treble_staff"], "guide_notes"),
            "mastery_level": ("quiz_passed", 3),
            "time_to_mastery_ms": (125_000, "125 s"),
            "total_attempts": (2, "twice"),
            "learning_sequence_position": (15, "15th"),
        },
    ),
    (
        "LMS067",
        "review_scheduled",
        {
            "game_id": ("G-01542", "1542"),
            "sequence_id": ("seq_456", 456),
            "review_date": ("2025-02-03T14:30:00Z", "next Monday"),
            "offset_days": (7, "a week"),
            "retention_confidence": (0.85, "high"),
        },
    ),
    (
        "LMS068",
        "page_load_time",
        {
            "page_url": ("/student/dashboard", 7),
            "load_time_ms": (1_250, "fast"),
            "dom_ready_ms": (800, "fast"),
            "first_paint_ms": (600, "fast"),
            "largest_contentful_paint_ms": (1_100, "fast"),
            "cumulative_layout_shift": (0.05, "none"),
        },
    ),
    (
        "LMS069",
        "api_response_time",
        {
            "endpoint": ("/api/v1/assignments", 7),
            "method": ("GET", 7),
            "status_code": (200, "OK"),
            "response_time_ms": (150, "fast"),
            "payload_size_bytes": (2_048, "2 KiB"),
        },
    ),
]


@pytest.mark.parametrize(
    ("event", "properties"), [pytest.param(*row[1:], id=f"{row[0]} {row[1]}") for row in EVENTS]
)
def test_an_event_carries_the_properties_of_the_document(
    event: str, properties: dict[str, tuple[Any, Any]]
) -> None:
    example = {name: good for name, (good, _) in properties.items()}
    # In production, some of these would be sampled out.
    staging = event_pb2.ENVIRONMENT_STAGING
    assert answer(APP, event, example, environment=staging) == PASSED
    for name, (_, bad) in properties.items():
        wrong = {**example, name: bad}
        assert answer(APP, event, wrong, environment=staging) == f"properties.{name}"


def _kept(name: str, environment: int, count: int) -> int:
    """How many of `count` events with different ids are kept; the others have to be sampled out."""
    events = [
        build_event(
            name,
            event_id=f"evt_{number}",
            properties=REQUIRED,
            occurred_at=NOW,
            environment=environment,
        )
        for number in range(count)
    ]
    frame = screened_frame(catalogs()[APP], int(NOW.timestamp() * 1_000_000), *events)
    passed = len(frame.screening.passed)
    assert not frame.screening.rejected
    assert passed + frame.outcome.verdicts.count(Verdict.SAMPLED) == count
    return passed


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        *((name, 0.1) for name in ("page_load_time", "api_response_time", "asset_load_time")),
        ("page_view", 0.01),
    ],
)
def test_a_sampled_event_is_kept_at_its_rate_in_production(name: str, rate: float) -> None:
    kept = _kept(name, event_pb2.ENVIRONMENT_PRODUCTION, 10_000)
    # Five standard deviations of a binomial distribution; the ids are the same in every run.
    assert abs(kept - 10_000 * rate) < 5 * (10_000 * rate * (1 - rate)) ** 0.5
    for environment in (event_pb2.ENVIRONMENT_STAGING, event_pb2.ENVIRONMENT_DEVELOPMENT):
        assert _kept(name, environment, 500) == 500


def test_learning_progress_is_never_sampled() -> None:
    assert LEARNING[0] == "game_stage_start"
    assert LEARNING[-1] == "leaderboard_update"
    for environment in event_pb2.Environment.values():
        for name in LEARNING:
            assert _kept(name, environment, 200) == 200


def test_what_users_do_and_errors_are_never_sampled() -> None:
    critical = (*MLC_LMS[:15], *LEARNING, *MLC_LMS[31:35])
    assert critical[-4:] == ("javascript_error", "api_error", "game_error", "network_error")
    for name in critical:
        # The one action with a rate of its own: "Page views ... sampled at 1%".
        if name != "page_view":
            assert _kept(name, event_pb2.ENVIRONMENT_PRODUCTION, 200) == 200

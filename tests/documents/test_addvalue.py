"""The types and ranges of what AddValue's events carry."""

from typing import Any

import pytest

from tests.documents.screened import PASSED, answer, declared, declaring
from tests.support.documents.event_names import ADDVALUE
from tests.support.documents.shipped import catalogs

APP = "addvalue"
# A value of the declared type, and values that are of another one or out of range.
TYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "round": (1, ("1", 1.5, True, None, 0, 9)),
    "mood_score": (61.5, ("61", True, None, -0.1, 100.1)),
    "phase": ("start", ("middle", "", 1, None)),
    "duration_seconds": (95.5, ("95", True, None, -1)),
    "affirmation": ("I am enough", (1, True, None, ["I am enough"])),
    "category": ("kindness", (1, True, None, ["kindness"])),
    "microact_id": ("act-1", (1, True, None, "")),
    "post_id": ("post-1", (1, True, None, "")),
    "wave_id": ("wave-1", (1, True, None, "")),
    "followed_user_id": ("u-2", (1, True, None, "")),
    "analytics": (True, ("true", 1, None)),
    "personalization": (False, ("true", 1, None)),
    "marketing": (True, ("true", 1, None)),
    "satisfied": (True, ("true", 1, None)),
}


def test_every_declared_property_is_in_the_table() -> None:
    assert {name for event in catalogs()[APP].events.values() for name in declared(event)} == set(
        TYPES
    )


@pytest.mark.parametrize("name", TYPES)
def test_a_declared_property_has_its_type_and_range(name: str) -> None:
    good, wrong = TYPES[name]
    events = declaring(APP, name)
    assert events
    for event in events:
        assert answer(APP, event, {name: good}) == PASSED
        for value in wrong:
            assert answer(APP, event, {name: value}) == f"properties.{name}", (event, value)


@pytest.mark.parametrize(
    ("event", "name", "ends"),
    [
        ("activation_round_completed", "round", (1, 8)),
        ("activation_mood_logged", "mood_score", (0, 100)),
        ("activation_completed", "duration_seconds", (0,)),
        ("activation_breathwork_completed", "duration_seconds", (0,)),
    ],
)
def test_the_ends_of_a_range_are_inside(event: str, name: str, ends: tuple[int, ...]) -> None:
    for end in ends:
        assert answer(APP, event, {name: end}) == PASSED


def test_an_event_without_a_definition_is_rejected_by_its_name() -> None:
    for name in ("app_error", "user_deleted", "", ADDVALUE[0].upper()):
        assert answer(APP, name, {}) == "name"

"""LMS106: learning progress as xAPI statements.

What is expected is written by hand from the document's example events and the text of xAPI 1.0.3 (part two:
2.4.2 actor, 2.4.3 verb, 2.4.4 object, 2.4.5 result, 2.4.6 context, 2.4.7 timestamp, 2.4.8 stored, 2.4.10
version, 4.6 durations).
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from libs.catalog.xapi import Xapi
from services.aggregate.exports.xapi import statement_line, statement_of
from tests.support.documents.event_names import MLC_LMS
from tests.support.documents.examples import example
from tests.support.documents.shipped import catalogs

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
PERSON = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
BASE = "https://mlc-lms.example"
# As the document writes them.
EXAMPLE: Mapping[str, Any] = example("mlc_lms", "Event Core Schema")
CONTEXT: Mapping[str, Any] = EXAMPLE["context"]
COMPLETE: Mapping[str, Any] = EXAMPLE["properties"]
STAGE = {
    "objectType": "Activity",
    "id": f"{BASE}/xapi/stages/G-01542-quiz",
    "definition": {"type": "http://adlnet.gov/expapi/activities/lesson"},
}
GAME = {
    "objectType": "Activity",
    "id": f"{BASE}/xapi/games/G-01542",
    "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
}
ASSIGNMENT = {
    "objectType": "Activity",
    "id": f"{BASE}/xapi/assignments/asg_789",
    "definition": {"type": "http://adlnet.gov/expapi/activities/assessment"},
}
SEQUENCE = {
    "objectType": "Activity",
    "id": f"{BASE}/xapi/sequences/seq_456",
    "definition": {"type": "http://adlnet.gov/expapi/activities/module"},
}
HEAD = {
    "id": UUID,
    "actor": {"objectType": "Agent", "account": {"homePage": BASE, "name": PERSON}},
    "timestamp": "2025-01-27T14:30:45.123+00:00",
    "stored": "2025-01-27T14:30:46+00:00",
    "version": "1.0.0",
}


def declared() -> Xapi:
    found = catalogs()["mlc_lms"].xapi
    assert found is not None
    return found


def columns(name: str, properties: Any, context: Any = None, **more: Any) -> dict[str, Any]:
    """What of an event's columns statements may be made of."""
    return {
        "event_uuid": UUID,
        "name": name,
        "person": PERSON,
        "occurred_at": HEAD["timestamp"],
        "received_at": HEAD["stored"],
        "properties": properties,
        "context": context,
        **more,
    }


def test_every_learning_progress_event_is_a_statement_and_no_other() -> None:
    assert set(declared().statements) == set(MLC_LMS[15:28])


def test_the_document_s_event_of_the_core_schema() -> None:
    assert statement_of(declared(), columns("game_stage_complete", COMPLETE, CONTEXT)) == {
        **HEAD,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
        "object": STAGE,
        "result": {
            "score": {"scaled": 0.87, "raw": 87, "min": 0, "max": 100},
            "success": True,
            "completion": True,
            "duration": "PT125S",
        },
        "context": {"contextActivities": {"parent": [GAME], "grouping": [ASSIGNMENT, SEQUENCE]}},
    }


EXAMPLES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "game_stage_start",
        {"game_id": "G-01542", "stage_id": "G-01542-quiz", "stage_type": "quiz"},
        {
            "verb": {
                "id": "http://adlnet.gov/expapi/verbs/initialized",
                "display": {"en": "initialized"},
            },
            "object": STAGE,
            "context": {"contextActivities": {"parent": [GAME]}},
        },
    ),
    (
        "target_met",
        {
            "game_id": "G-01542",
            "stage_id": "G-01542-quiz",
            "target_score": 85,
            "actual_score": 87,
            "time_to_target_ms": 125000,
            "attempts_to_target": 2,
        },
        {
            "verb": {
                "id": "https://w3id.org/xapi/adl/verbs/satisfied",
                "display": {"en": "satisfied"},
            },
            "object": STAGE,
            "result": {
                "score": {"scaled": 0.87, "raw": 87, "min": 0, "max": 100},
                "success": True,
                "duration": "PT125S",
            },
            "context": {"contextActivities": {"parent": [GAME]}},
        },
    ),
    (
        "concept_mastered",
        {
            "game_id": "G-01542",
            "concept_tags": ["guide_notes", "treble_staff"],
            "mastery_level": "quiz_passed",
            "time_to_mastery_ms": 125000,
            "total_attempts": 2,
            "learning_sequence_position": 15,
        },
        {
            "verb": {
                "id": "http://adlnet.gov/expapi/verbs/mastered",
                "display": {"en": "mastered"},
            },
            "object": GAME,
            "result": {
                "success": True,
                "duration": "PT125S",
                "extensions": {f"{BASE}/xapi/concepts": ["guide_notes", "treble_staff"]},
            },
        },
    ),
    (
        "review_scheduled",
        {
            "game_id": "G-01542",
            "sequence_id": "seq_456",
            "review_date": "2025-02-03T14:30:00Z",
            "offset_days": 7,
            "retention_confidence": 0.85,
        },
        {
            "verb": {
                "id": f"{BASE}/xapi/verbs/review-scheduled",
                "display": {"en": "is to review"},
            },
            "object": GAME,
            "result": {"extensions": {f"{BASE}/xapi/review-date": "2025-02-03T14:30:00Z"}},
        },
    ),
]


@pytest.mark.parametrize(("name", "properties", "expected"), EXAMPLES)
def test_the_document_s_other_examples(
    name: str, properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert statement_of(declared(), columns(name, properties)) == {**HEAD, **expected}


@pytest.mark.parametrize(
    ("changed", "result"),
    [
        # 2.4.5.1: without both bounds there is no share, and what is not between them has none.
        ({"max_score": None}, {"score": {"raw": 87, "min": 0}}),
        ({"max_score": 50}, {"score": {"raw": 87}}),
        ({"max_score": 0, "score": 0}, {"score": {"raw": 0, "min": 0, "max": 0}}),
        ({"score": "87"}, {"score": None}),
        ({"max_score": 174}, {"score": {"scaled": 0.5, "raw": 87, "min": 0, "max": 174}}),
        ({"passed": None}, {"success": None}),
        ({"passed": False}, {"success": False}),
        ({"duration_ms": 1}, {"duration": "PT0S"}),
        ({"duration_ms": -0.0}, {"duration": "PT0S"}),
        ({"duration_ms": 10**300}, {"duration": f"PT1{297 * '0'}S"}),
        ({"duration_ms": int("12345" * 8)}, {"duration": f"PT{'12345' * 7}12.34S"}),
        ({"duration_ms": 1_234}, {"duration": "PT1.23S"}),
        ({"duration_ms": 90_500}, {"duration": "PT90.5S"}),
        ({"duration_ms": 3_600_000}, {"duration": "PT3600S"}),
        ({"duration_ms": -5}, {"duration": None}),
        ({"duration_ms": None}, {"duration": None}),
    ],
)
def test_results(changed: dict[str, Any], result: dict[str, Any]) -> None:
    found = statement_of(declared(), columns("game_stage_complete", {**COMPLETE, **changed}))
    assert found is not None
    assert {name: found["result"].get(name) for name in result} == result


@pytest.mark.parametrize(
    ("name", "properties", "more"),
    [
        ("page_view", {}, {}),
        ("game_stage_complete", COMPLETE, {"person": None}),
        ("game_stage_complete", {**COMPLETE, "stage_id": None}, {}),
        ("game_stage_complete", {**COMPLETE, "stage_id": ["a"]}, {}),
        ("assignment_started", {}, {}),
    ],
)
def test_what_is_no_statement(name: str, properties: dict[str, Any], more: dict[str, Any]) -> None:
    assert statement_of(declared(), columns(name, properties, **more)) is None
    assert (
        statement_line(declared(), json.dumps(columns(name, properties, **more)).encode()) is None
    )


def test_numbers_of_any_size_are_written_as_they_are_stored() -> None:
    large = 10**300 + 1
    event = columns("game_stage_complete", {**COMPLETE, "score": large, "max_score": None})
    line = statement_line(declared(), json.dumps(event).encode())
    assert line is not None
    assert f'"raw":{large},'.encode() in line
    assert json.loads(line)["result"]["score"] == {"raw": large, "min": 0}


def test_values_are_escaped_in_ids() -> None:
    event = columns("assignment_started", {}, {"assignment_id": "a b/ä?{x}"})
    found = statement_of(declared(), event)
    assert found is not None
    assert found["object"]["id"] == f"{BASE}/xapi/assignments/a%20b%2F%C3%A4%3F%7Bx%7D"

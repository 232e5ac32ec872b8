"""Reasons name the field and never repeat what was sent."""

import pytest

from libs.catalog import EventVersion, compile_catalog

TEXT = """\
app_id: a
title: A
categories: {c: {producers: [api], retention: {raw: keep, aggregate: keep}}}
events:
  e:
    category: c
    properties:
      score: {type: integer, minimum: 0, maximum: 100}
      code: {type: string, pattern: '^[A-Z]{3}$', minLength: 2}
      gate: {enum: [A, B]}
      when: {type: string, format: date-time}
      tags: {type: array, items: {type: string}, maxItems: 3, uniqueItems: true}
      place:
        type: object
        properties: {zone: {type: string}}
        required: [zone]
        additionalProperties: false
      notes: {type: object, additionalProperties: {type: string}}
    required: [score]
"""


@pytest.fixture(scope="module")
def version() -> EventVersion:
    return compile_catalog(TEXT, "a.yaml").events["e"].latest


@pytest.mark.parametrize(
    ("properties", "field", "reason"),
    [
        ({}, "properties.score", "is required"),
        ({"score": "87"}, "properties.score", "must be of type integer"),
        ({"score": 101}, "properties.score", "must be at most 100"),
        ({"score": -1}, "properties.score", "must be at least 0"),
        ({"score": 1.5}, "properties.score", "must be of type integer"),
        ({"score": True}, "properties.score", "must be of type integer"),
        ({"score": float("nan")}, "properties.score", "must be of type integer"),
        ({"score": 1, "code": "usd"}, "properties.code", "must match the pattern ^[A-Z]{3}$"),
        ({"score": 1, "gate": "C"}, "properties.gate", "must be one of A, B"),
        ({"score": 1, "when": "today"}, "properties.when", "must be a valid date-time"),
        ({"score": 1, "tags": ["a", 5]}, "properties.tags[1]", "must be of type string"),
        ({"score": 1, "tags": list("abcd")}, "properties.tags", "must have at most 3 items"),
        (
            {"score": 1, "tags": ["a", "a"]},
            "properties.tags",
            "must not have the same item twice",
        ),
        ({"score": 1, "place": {}}, "properties.place.zone", "is required"),
        (
            {"score": 1, "place": {"zone": "x", "zones": "y"}},
            "properties.place",
            "has a property that the catalog does not declare; did you mean `zone`?",
        ),
        (
            {"score": 1, "notes": {"ann@example.org": 5}},
            "properties.notes.*",
            "must be of type string",
        ),
    ],
)
def test_a_violation(
    version: EventVersion, properties: dict[str, object], field: str, reason: str
) -> None:
    assert not version.is_valid(properties)
    assert [(v.field, v.reason) for v in version.violations(properties)] == [(field, reason)]


def test_all_violations_are_told(version: EventVersion) -> None:
    fields = {v.field for v in version.violations({"score": "x", "gate": "x", "tags": 1})}
    assert fields == {"properties.score", "properties.gate", "properties.tags"}


def test_unknown_properties_are_allowed(version: EventVersion) -> None:
    assert version.is_valid({"score": 1, "anything": {"else": []}})
    assert version.violations({"score": 1, "anything": {"else": []}}) == []


def test_values_and_unknown_names_are_never_repeated(version: EventVersion) -> None:
    canary = "ann@example.org"
    properties: dict[str, object] = {
        "score": canary,
        "code": canary,
        "gate": canary,
        "when": canary,
        "tags": [canary, canary],
        "place": {canary: canary},
        "notes": {canary: 5},
    }
    found = version.violations(properties)
    assert len(found) >= 7
    assert canary not in repr(found)


def test_what_json_cannot_say_is_refused_and_does_not_raise(version: EventVersion) -> None:
    deep: dict[str, object] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    for properties in ({1: 2}, {"\ud800": 1}, {"score": b"1"}, {"score": 1, "notes": deep}):
        assert not version.is_valid(properties)  # type: ignore[arg-type]
        assert version.violations(properties)  # type: ignore[arg-type]

"""The types that a property's schema names."""

import pytest

from libs.catalog.schema import declared_types


@pytest.mark.parametrize(
    ("rule", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["integer", "null"]}, {"integer", "null"}),
        ({"type": []}, set()),
        ({"enum": ["a"]}, set()),
        (True, set()),
        # Not JSON Schema; compiling it says so.
        ({"type": 5}, set()),
        ({"type": [{"a": 1}, "string"]}, {"string"}),
        ({"type": None}, set()),
    ],
)
def test_declared_types(rule: object, types: set[str]) -> None:
    assert declared_types(rule) == types

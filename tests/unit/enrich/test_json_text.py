"""What enrich writes as JSON."""

import pytest

from services.enrich.json_text import json_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # As jsonb gives 1e20 back.
        ({"n": 10**20}, b'{"n":100000000000000000000}'),
        ({"a": "x\x00y"}, b'{"a":"x\\ufffdy"}'),
        ({"a": "\\u0000"}, b'{"a":"\\\\u0000"}'),
    ],
)
def test_all_that_is_stored_can_be_written_again(value: object, text: bytes) -> None:
    assert json_text(value) == text

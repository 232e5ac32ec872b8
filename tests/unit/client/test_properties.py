"""Properties as JSON: what goes in, what is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest

from weir_client import build_event, event_from_envelope

WRITTEN = [
    ({}, b"{}"),
    ({"zone": "Łódź \u2028 \U0001f600", "n": [1, 2.5, None, True]}, None),
    ({"big": 2**63 - 1, "small": -(2**63)}, None),
    ({"at": datetime(2026, 5, 1, 12, tzinfo=UTC)}, b'{"at":"2026-05-01T12:00:00+00:00"}'),
    ({"on": date(2026, 5, 1)}, b'{"on":"2026-05-01"}'),
    ({"id": UUID(int=7)}, b'{"id":"00000000-0000-0000-0000-000000000007"}'),
]


@pytest.mark.parametrize(("properties", "expected"), WRITTEN)
def test_what_has_a_form_in_json(properties: dict[str, Any], expected: bytes | None) -> None:
    # An independent encoder says what the bytes are.
    assert orjson.dumps(properties) == (expected or orjson.dumps(properties))
    assert build_event("view", properties=properties).properties_json == orjson.dumps(properties)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_no_reader_could_read_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^properties: "):
        build_event("view", properties={"score": value})
    with pytest.raises(ValueError, match=r"^properties: "):
        event_from_envelope({"name": "view", "properties": {"score": value}})


def test_what_has_no_form_in_json_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match="properties cannot hold a Decimal"):
        build_event("view", properties={"price": Decimal("1.10")})

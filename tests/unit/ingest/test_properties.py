"""Properties: one JSON object, whichever way it came, and nothing that a store cannot hold."""

import json
import math
from typing import Any

import orjson
import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from weir.common.v1 import event_pb2

from libs.common.event_properties import MAX_DEPTH, PropertiesError
from services.ingest.intake.properties import parse_properties


def _event(raw: bytes) -> event_pb2.Event:
    return event_pb2.Event(properties_json=raw)


def _struct(values: dict[str, Any]) -> event_pb2.Event:
    struct = Struct()
    struct.update(values)
    return event_pb2.Event(properties=struct)


def test_a_struct_becomes_json_with_integers_where_numbers_are_whole() -> None:
    event = _struct({"a": 5, "b": 5.5, "c": [True, None, "x"], "d": {"e": -3}, "f": 2.0**53})
    expected = {"a": 5, "b": 5.5, "c": [True, None, "x"], "d": {"e": -3}, "f": 9007199254740992.0}
    properties, _ = parse_properties(event)
    assert properties == expected
    assert type(properties["a"]) is int
    # From 2**53 on a double no longer tells neighbouring integers apart.
    assert type(properties["f"]) is float
    assert event.WhichOneof("payload") == "properties_json"
    assert orjson.loads(event.properties_json) == expected


def test_no_properties_are_an_empty_object() -> None:
    for event in (event_pb2.Event(), _event(b""), _struct({})):
        assert parse_properties(event)[0] == {}
        assert event.properties_json == b"{}"


def test_json_stays_as_it_was_written() -> None:
    raw = b'{ "big": 12345678901234567890123, "pi": 3.14000 }'
    event = _event(raw)
    parse_properties(event)
    assert event.properties_json == raw


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_struct_with_a_number_that_json_lacks_is_refused(number: float) -> None:
    with pytest.raises(PropertiesError, match="JSON cannot express"):
        parse_properties(_struct({"deep": {"list": [1, number]}}))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'{"a": "\\ud800"}',
        b'{"a": 1',
        b"\xff",
        b'{"a": 01}',
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": "\xff"}',
        b'{"a": 1} {"b": 2}',
    ],
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(PropertiesError, match="is not valid JSON"):
        parse_properties(_event(raw))


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"text"', b"true"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(PropertiesError, match="must be a JSON object"):
        parse_properties(_event(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 1}',
        b'{"a":1,"a":2}',
        b'{"deep": [{"x": {"b": 1, "c": 2, "b": 3}}]}',
        b'{"a": 1, "\\u0061": 2}',
    ],
)
def test_a_name_that_stands_twice_is_refused(raw: bytes) -> None:
    with pytest.raises(PropertiesError, match="has a name twice"):
        parse_properties(_event(raw))


@pytest.mark.parametrize(
    ("raw", "properties"),
    [
        (b'{"a": {"a": [{"a": 1}, {"a": 1}]}}', {"a": {"a": [{"a": 1}, {"a": 1}]}}),
        (b'{ "b" : 1.0E0 , "a" : 2 }', {"b": 1.0, "a": 2}),
    ],
)
def test_a_name_may_stand_once_in_each_object(raw: bytes, properties: dict[str, Any]) -> None:
    assert parse_properties(_event(raw))[0] == properties


@pytest.mark.parametrize(
    ("raw", "holds_it"),
    [
        (rb'{"a": "x\u0000y"}', True),
        (rb'{"\u0000": 1}', True),
        (rb'{"a": "\\\u0000"}', True),
        (rb'{"a": "\\u0000"}', False),  # a backslash, and the text u0000
        (rb'{"a": "\\\\u0000"}', False),
        (rb'{"a": "\\\\\u0000"}', True),
        (rb'{"a": "\\u0000 and \u0000"}', True),
        (rb'{"a": "\u00001"}', True),
        (rb'{"a": "u0000"}', False),
    ],
)
def test_u0000_is_refused_and_its_look_alikes_are_not(raw: bytes, holds_it: bool) -> None:
    if holds_it:
        with pytest.raises(PropertiesError, match=r"U\+0000"):
            parse_properties(_event(raw))
    else:
        assert parse_properties(_event(raw))[0] == json.loads(raw)


def test_u0000_in_a_struct_is_refused() -> None:
    with pytest.raises(PropertiesError, match=r"U\+0000"):
        parse_properties(_struct({"a": "x\x00"}))


@given(st.text(alphabet=["\\", "u", "0", "\x00", '"'], max_size=12))
def test_u0000_is_found_exactly_where_it_is(text: str) -> None:
    raw = orjson.dumps({"a": text})
    if "\x00" in text:
        with pytest.raises(PropertiesError, match=r"U\+0000"):
            parse_properties(_event(raw))
    else:
        assert parse_properties(_event(raw))[0] == {"a": text}


def _nested(depth: int) -> bytes:
    """An object in which `depth` objects and lists lie in one another, itself included."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}" if depth > 1 else b"{}"


def test_depth_is_limited() -> None:
    properties, _ = parse_properties(_event(_nested(MAX_DEPTH)))
    assert orjson.dumps(properties) == _nested(MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 500, 100_000):
        with pytest.raises(PropertiesError, match=r"nested more than 32 deep|not valid JSON"):
            parse_properties(_event(_nested(depth)))
    # Many brackets side by side are not deep.
    parse_properties(_event(b'{"a":[' + b",".join([b"{}"] * 500) + b"]}"))


@pytest.mark.parametrize(
    ("literal", "stored"),
    [
        ("1e-16383", True),
        ("1e-16384", False),
        ("1E-16384", False),
        ("-1.5e-16382", True),
        ("-1.5e-16383", False),
        ("0." + "0" * 16_382 + "1", True),
        ("0." + "0" * 16_383 + "1", False),
        # Zeros count.
        ("0.5" + "0" * 16_383, False),
        ("0e-16384", False),
        # 1, in many words.
        ("0." + "0" * 16_383 + "1e16384", True),
        ("1" + "0" * 16_384 + "e-16384", False),
        ("1e-" + "9" * 5_000, False),
        # Postgres reads no exponent of 2**30 and more, be it of nothing.
        ("0e1073741824", False),
        ("-0.0e+99999999999", False),
    ],
)
@pytest.mark.parametrize("around", ["%s", '[1.5, {"b": %s}]'])
def test_a_number_that_postgres_cannot_store_is_refused(
    literal: str, stored: bool, around: str
) -> None:
    event = _event(b'{"a":' + (around % literal).encode() + b"}")
    if stored:
        parse_properties(event)
    else:
        with pytest.raises(PropertiesError, match="more than 16383 digits after or before the"):
            parse_properties(event)


def test_a_complaint_does_not_quote_the_properties() -> None:
    for raw in (b'{"mail": "ann@example.org" x', b'{"ann@example.org":1,"ann@example.org":2}'):
        with pytest.raises(PropertiesError) as rejection:
            parse_properties(_event(raw))
        assert "example" not in str(rejection.value)
